"""Dataclasses as JSON lines, ``{"id": 3, "message": "Warm", "fields": {...}}``, read back by the types that their fields declare.

What is not declared is refused by name: a message, a field, a stage, an option of a run.
"""

from __future__ import annotations

import json
import os
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TextIO, Union, get_args, get_origin, get_type_hints

from neurospineseg.geometry.region import Region
from neurospineseg.pipeline.settings import Settings


class ProtocolError(ValueError):
    """A line says what the protocol does not know."""


def line_of(message: Any, number: int | None = None) -> str:
    """A message and the number of the request that it is or answers, as one line with its end."""
    return json.dumps({"id": number, **_tagged(message)}) + "\n"


def own_lines() -> tuple[TextIO, TextIO]:
    """This process's input and output, for lines alone: what libraries print goes to the standard error from now on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return os.fdopen(os.dup(0), "r", encoding="utf-8"), answers


def number_in(said: Any) -> int | None:
    """The number of the request that an object read from a line is or answers; None where it belongs to none.

    Raises:
        ProtocolError: the line says no message, or its number is none.
    """
    if not isinstance(said, dict):
        raise ProtocolError(f"{said!r} is no message.")
    number = said.get("id")
    if number is not None and not _is(number, int):
        raise ProtocolError(f"The number of a request is {number!r}, and an integer is wanted.")
    return number


def message_in(said: Any, kinds: Any) -> Any:
    """The message that an object read from a line says.

    Args:
        kinds: a union of dataclasses.

    Raises:
        ProtocolError: the message is none of these, a field is unknown, missing or of another type, or there is more beside the message.

    >>> from neurospineseg.worker.protocol import Answer, Done
    >>> from neurospineseg.worker.results import FilesWritten
    >>> message_in(json.loads(line_of(Done(FilesWritten({"volume": 2.5})), 1)), Answer)
    Done(result=FilesWritten(report={'volume': 2.5}, warnings=()))
    """
    number_in(said)
    return _of_kinds({name: value for name, value in said.items() if name != "id"}, get_args(kinds))


def _tagged(message: Any) -> dict[str, Any]:
    return {"message": type(message).__name__, "fields": {each.name: _plain(getattr(message, each.name)) for each in fields(message)}}


def _plain(value: Any) -> Any:
    """A value of JSON's own types."""
    if isinstance(value, Settings):
        return value.to_json()
    if isinstance(value, Region):
        return value.as_lists()
    if is_dataclass(value):
        return _tagged(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return value.value if isinstance(value, Enum) else value


def _of_kinds(said: Any, kinds: tuple[type, ...]) -> Any:
    if not isinstance(said, dict) or not isinstance(said.get("message"), str):
        raise ProtocolError(f"{said!r} is no message.")
    beside = next((name for name in said if name not in ("message", "fields")), None)
    if beside is not None:
        raise ProtocolError(f"The message {said['message']} has '{beside}' beside its fields.")
    kind = next((each for each in kinds if each.__name__ == said["message"]), None)
    if kind is None:
        raise ProtocolError(f"There is no message '{said['message']}'; there are {', '.join(each.__name__ for each in kinds)}.")
    given, types = said.get("fields", {}), _types_of(kind)
    if not isinstance(given, dict):
        raise ProtocolError(f"The fields of {kind.__name__} are {given!r}, and an object is wanted.")
    unknown = next((name for name in given if name not in types), None)
    if unknown is not None:
        raise ProtocolError(f"The message {kind.__name__} has no field '{unknown}'.")
    needed = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
    missing = next((name for name in needed if name not in given), None)
    if missing is not None:
        raise ProtocolError(f"The message {kind.__name__} lacks its field '{missing}'.")
    return kind(**{name: _typed(types[name], value, f"{kind.__name__}.{name}") for name, value in given.items()})


@cache
def _types_of(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _typed(kind: Any, value: Any, place: str) -> Any:
    """A value of JSON's own types as the type that a field declares.

    Raises:
        ProtocolError: it is of another type.
        InputError: it holds settings or a region that cannot be.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        return _of_union(inner, value, place)
    wanted = {tuple: list, dict: dict}.get(origin) or (dict if is_dataclass(kind) else str if issubclass(kind, Path | Enum) else kind)
    if not _is(value, wanted):
        raise ProtocolError(f"{place} is {value!r}, and {kind} is wanted.")
    if origin is tuple:
        return tuple(_typed(inner[0], each, place) for each in value)
    if origin is dict:
        return {key: _typed(inner[1], each, place) for key, each in value.items()}
    if kind is Settings:
        return Settings.of(value)
    if kind is Region:
        return Region.from_lists(value)
    return _of_kinds(value, inner_kinds) if (inner_kinds := _dataclasses(kind)) else kind(value)


def _is(value: Any, kind: type) -> bool:
    """As ``isinstance`` for JSON's types: an integer is a number too, true and false are none."""
    if isinstance(value, bool) and kind is not bool:
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def _dataclasses(kind: Any) -> tuple[type, ...]:
    return (kind,) if isinstance(kind, type) and is_dataclass(kind) else ()


def _of_union(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    others = tuple(each for each in kinds if each is not NoneType)
    return _typed(others[0], value, place) if len(others) == 1 else _of_kinds(value, others)
