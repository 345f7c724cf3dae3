"""Evaluation of models: scores of every case and structure, tables, pictures, comparisons."""
