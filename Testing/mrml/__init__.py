"""Tests against Slicer's own libraries."""
