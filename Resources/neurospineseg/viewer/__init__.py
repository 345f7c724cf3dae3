"""A scan and its mask in a browser: a server on the computer's own address, the page that it serves, and drops onto that page."""
