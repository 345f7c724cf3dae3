"""The exceptions whose message is meant for the user."""


class InputError(ValueError):
    """What was given cannot be used. The message is one sentence: what is wrong and what to do.

    >>> from neurospineseg import read_volume
    >>> try:
    ...     read_volume("nowhere.nii.gz")
    ... except InputError as error:
    ...     print(error)
    The file 'nowhere.nii.gz' does not exist; check the path.
    """


MODULES = {"pynrrd": "nrrd"}
"""What a package is called in Python, where that differs."""


def missing_package(error: ImportError) -> str:
    """One sentence on a package that cannot be imported."""
    module = (error.name or "of Python").split(".")[0]
    package = next((package for package, name in MODULES.items() if name == module), module)
    return f"The package {package} cannot be imported; install it anew with `python -m pip install --force-reinstall {package}`."


class ImplausibleInput(InputError):
    """A scan or its result is not what the model expects; whoever knows better may have it segmented all the same.

    >>> issubclass(ImplausibleInput, InputError)
    True
    """
