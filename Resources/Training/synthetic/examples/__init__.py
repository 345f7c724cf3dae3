"""One file per bundled model: how the examples that it learns from are drawn. The rest is in its recipe."""
