"""Draws training images: shapes (procedural or label maps), then random deformation and appearance."""
