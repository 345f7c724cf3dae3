"""The Qt panel that the three modules share, and the logic behind it."""
