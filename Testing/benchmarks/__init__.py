"""Speed and memory beside the peers' ways, in one run."""
