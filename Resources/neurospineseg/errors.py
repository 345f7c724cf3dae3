"""The exceptions whose message is meant for the user."""


class InputError(ValueError):
    """What was given cannot be used. The message is one sentence: what is wrong and what to do."""


class DoubtfulScan(InputError):
    """A scan or its result is not what the model expects; whoever knows better may have it segmented all the same."""
