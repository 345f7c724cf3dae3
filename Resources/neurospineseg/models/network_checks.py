"""What a network that somebody else defined may be made of: plain values, none of them huge, and no more weights than can be run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from neurospineseg.errors import InputError

LARGEST_NUMBER, LONGEST_LIST = 2**16, 200
MOST_WEIGHTS = 2**30


class NetworkError(InputError):
    """A network definition or its weights cannot be used; the message says why."""


def made(make: Callable[[], torch.nn.Module], target: str) -> torch.nn.Module:
    """What ``make`` makes, after it was made once without memory to count its weights.

    Raises:
        NetworkError: it refuses its parameters, or would fill the memory.
    """
    try:
        with torch.device("meta"):
            weights = sum(parameter.numel() for parameter in make().parameters())
    except Exception:  # some networks look at values while they are made; what is wrong with others shows below
        weights = 0
    if weights > MOST_WEIGHTS:
        raise NetworkError(f"The network {target} of the bundle has {weights:.0e} weights, more than can be run; install another model.")
    try:
        return make()
    except Exception as error:  # torch and MONAI raise errors of many kinds
        raise NetworkError(f"The network {target} refuses the bundle's parameters: {error}.") from error


def refuse_expressions(value: Any) -> None:
    """Raises NetworkError where a plain value is wanted and an expression, a reference or a class stands."""
    if isinstance(value, str) and value.startswith(("$", "@", "%")):
        raise NetworkError(f"The bundle asks to evaluate '{value}'; a bundle is read as data and never run.")
    if isinstance(value, dict):
        if "_target_" in value:
            raise NetworkError(f"The bundle asks to make '{value['_target_']}'; a bundle is read as data and never run.")
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            refuse_expressions(item)


def refuse_huge(value: Any) -> None:
    """Raises NetworkError where a number or a list is larger than any network's, so that even making it would not end."""
    if isinstance(value, (int, float)) and not abs(value) <= LARGEST_NUMBER:
        raise NetworkError(f"The bundle's network has the parameter {str(value)[:20]}, which no network has; install the model again.")
    if isinstance(value, (list, tuple, dict, str)) and len(value) > LONGEST_LIST:
        raise NetworkError(f"The bundle's network has a parameter of {len(value)} values, as no network has; install the model again.")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        refuse_huge(item)
