"""What is read off a mask: sizes, angles, volumes, each with where it was measured and how sure it is; never a verdict."""
