"""Models as data: bundles on disk, the networks they name and their weights."""
