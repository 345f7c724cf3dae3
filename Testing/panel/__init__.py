"""Tests of the panel on a bench."""
