"""The exceptions whose message is meant for the user."""


class InputError(ValueError):
    """What was given cannot be used. The message is one sentence: what is wrong and what to do."""


def missing_package(error: ImportError) -> str:
    """One sentence on a package that cannot be imported."""
    package = (error.name or "of Python").split(".")[0]
    return f"The package {package} cannot be imported; install it anew with `python -m pip install --force-reinstall {package}`."


class ImplausibleInput(InputError):
    """A scan or its result is not what the model expects; whoever knows better may have it segmented all the same."""
