"""The deep nuclei in brain MR."""
