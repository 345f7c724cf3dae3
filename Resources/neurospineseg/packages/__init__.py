"""Python packages that the program needs, as wheels in a folder: for computers without a network."""
