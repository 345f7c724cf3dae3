"""Tumors and heads whose sizes are known because they were drawn so: how far the measures are off."""
