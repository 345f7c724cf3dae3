"""Programs that prepare data, draw images, train, evaluate and compare."""
