"""The chain of vertebrae and discs: parting, ordering and naming it."""
