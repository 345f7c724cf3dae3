"""The shell: ``neurospineseg segment | batch | view | models | doctor | wheels``."""
