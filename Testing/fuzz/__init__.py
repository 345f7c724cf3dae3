"""A coverage-guided fuzz of the readers, and what it found worth keeping."""
