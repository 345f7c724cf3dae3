"""The exceptions whose message is meant for the user."""

LONGEST = 600
"""Letters of a sentence; what a file says of itself may be longer."""


class InputError(ValueError):
    """What was given cannot be used. The message is one sentence: what is wrong and what to do.

    >>> from neurospineseg import read_volume
    >>> try:
    ...     read_volume("nowhere.nii.gz")
    ... except InputError as error:
    ...     print(error)
    The file 'nowhere.nii.gz' does not exist; check the path.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """A text as a terminal and a log may show it: names and values from files may hold new lines, control codes or a novel.

    >>> one_line("'a\\nb\\x1b[31m.nii' is empty.")
    "'a b?[31m.nii' is empty."
    """
    plain = "".join(letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in text)
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST // 2]} ... {plain[-LONGEST // 2 :]}"


MODULES = {"pynrrd": "nrrd", "pyyaml": "yaml"}
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
