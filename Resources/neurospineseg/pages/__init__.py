"""Pictures and pages of a mask on its scan."""
