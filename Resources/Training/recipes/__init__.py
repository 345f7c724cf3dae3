"""One file per bundled model: its ``ModelSpec``, its network and where its examples come from."""
