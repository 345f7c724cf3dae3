"""Gliomas, metastases and what resembles them."""
