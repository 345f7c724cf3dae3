"""The deep brain in heads of label maps."""
