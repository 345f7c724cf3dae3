"""The way of a scan, from files or arrays to a mask with its record; many cases; corrections."""
