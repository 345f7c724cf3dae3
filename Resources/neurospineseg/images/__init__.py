"""Scans: read, written, and brought to the scale a network was trained on."""
