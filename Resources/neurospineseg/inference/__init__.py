"""From scans to class probabilities on a model's grid, and back onto the scan's own."""
