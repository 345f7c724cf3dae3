"""Gliomas in brain MR."""
