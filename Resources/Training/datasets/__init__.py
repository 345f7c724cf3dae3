"""Data sets to train on: one on-disk form for all (``raw_dataset``), and an adapter for each form they are published in."""
