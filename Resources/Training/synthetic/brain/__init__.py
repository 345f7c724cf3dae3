"""Heads: procedural ones, and those of label maps."""
