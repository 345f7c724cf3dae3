"""What the tasks are: their structures, codes, and the rules that anatomy adds to a network's scores."""
