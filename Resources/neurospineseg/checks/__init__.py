"""Whether a scan and a result are what a model expects."""
