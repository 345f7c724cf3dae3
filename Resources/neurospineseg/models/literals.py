"""Values in a MONAI Bundle's configuration, taken as data: a reference to another value is followed, an expression is refused."""

from __future__ import annotations

import re
from typing import Any

from neurospineseg.models.network_checks import LARGEST_NUMBER, LONGEST_LIST, NetworkError

REFERENCE = re.compile(r"@[A-Za-z_]\w*(?:(?:::|#)\w+)*")
DEEPEST = 20
NOT_CODE = "a bundle is read as data and never run"


def followed(value: Any, config: dict[str, Any]) -> Any:
    """What a reference such as ``@windows#overlap`` stands for, as it is written there; any other value itself.

    Raises:
        NetworkError: nothing is there, or references lead in a circle.
    """
    for _ in range(DEEPEST):
        if not isinstance(value, str) or REFERENCE.fullmatch(value) is None:
            return value
        value = _place(value, config)
    raise NetworkError("The bundle's configuration refers to itself in a circle; fetch the bundle again.")


def _place(reference: str, config: dict[str, Any]) -> Any:
    found: Any = config
    for part in re.split(r"::|#", reference[1:]):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isascii() and part.isdecimal() and len(part) < 9 and int(part) < len(found):
            found = found[int(part)]
        else:
            raise NetworkError(f"The bundle's configuration refers to '{reference}', which it does not hold; fetch the bundle again.")
    return found


def literal(value: Any, config: dict[str, Any], depth: int = 0) -> Any:
    """A value of numbers, texts and lists alone, with references followed.

    Raises:
        NetworkError: it holds an expression or an object to be made, or is larger than any that a network needs.
    """
    value = followed(value, config)
    if depth > DEEPEST:
        raise NetworkError("A value in the bundle's configuration is nested too deeply; fetch the bundle again.")
    if isinstance(value, dict):
        if "_target_" in value:
            raise NetworkError(f"The bundle asks to make '{value['_target_']}' where a value is needed; {NOT_CODE}.")
        return {str(key): literal(each, config, depth + 1) for key, each in _short(value).items()}
    if isinstance(value, list):
        return [literal(each, config, depth + 1) for each in _short(value)]
    if isinstance(value, str) and value.lstrip().startswith(("$", "@", "%")):
        raise NetworkError(f"The bundle asks to evaluate '{_short(value)}'; {NOT_CODE}.")
    if isinstance(value, (int, float)) and not abs(value) <= max(LARGEST_NUMBER, 1e9):
        raise NetworkError(f"The bundle's configuration holds the number {str(value)[:20]}, which no model needs; fetch the bundle again.")
    return _short(value) if isinstance(value, str) else value


def _short(value: Any) -> Any:
    if len(value) > LONGEST_LIST:
        raise NetworkError(
            f"The bundle's configuration holds a value of {len(value)} parts where one of a few is needed; fetch the bundle again."
        )
    return value
