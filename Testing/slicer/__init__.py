"""Self tests that run inside 3D Slicer with nothing but the extension; see README.md."""
