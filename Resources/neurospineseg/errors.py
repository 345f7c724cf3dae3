"""The one exception whose message is meant for the user."""


class InputError(ValueError):
    """What was given cannot be used. The message is one sentence: what is wrong and what to do."""
