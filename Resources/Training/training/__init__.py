"""Training a network: what a recipe says, where examples come from, losses, the loop, what is left behind."""
