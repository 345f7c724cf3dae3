"""The process that holds torch and warm models, and the handle on it."""
