"""What is answered to each request of the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from neurospineseg.errors import InputError
from neurospineseg.viewer.errands import Errand
from neurospineseg.viewer.viewer import Viewer

PAGE = Path(__file__).with_name("page")
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
BYTES = "application/octet-stream"


@dataclass(frozen=True)
class Answer:
    """What goes back to the page."""

    status: int = 200
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Missing(Exception):
    """There is nothing at an address."""


def of_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def failure(sentence: str, status: int) -> Answer:
    return of_json({"error": sentence}, status)


def page_file(name: str) -> Answer:
    """A file of the page.

    Raises:
        Missing: there is none of this name.
    """
    name = name or "index.html"
    path = next((path for path in PAGE.iterdir() if path.name == name and path.suffix in TYPES), None)
    if path is None:
        raise Missing
    return Answer(body=path.read_bytes(), type=TYPES[path.suffix])


def got(viewer: Viewer, parts: list[str], query: Mapping[str, str]) -> Answer:
    """What a GET is answered.

    Raises:
        Missing: there is nothing at the address.
        InputError: what was asked cannot be done.
    """
    match parts:
        case ["greeting"]:
            return of_json(viewer.greeting())
        case ["cases", number]:
            return of_json(viewer.case(number).as_json())
        case ["cases", number, "slices", plane, index, scan]:
            names = list(viewer.case(number).scans)
            return Answer(body=viewer.case(number).slice_bytes(_whole(plane), _whole(index), names[_whole(scan)]), type=BYTES)
        case ["cases", number, "measurements"]:
            return _when_done(viewer.measured(number), of_json)
        case ["cases", number, "surfaces", label]:
            return _when_done(viewer.surface(number, _whole(label)), lambda made: Answer(body=made, type=BYTES))
        case ["cases", number, "mask"]:
            return _mask(viewer.case(number).mask_file)
        case ["drops", number]:
            return of_json(viewer.contents(number))
        case ["drops", number, "matches"]:
            return of_json(viewer.matches(number, query.get("task", "")))
        case ["jobs", number]:
            return of_json(viewer.segmenting.of(number).as_json())
        case [name]:
            return page_file(name)
    raise Missing


def posted(viewer: Viewer, parts: list[str], said: Mapping[str, Any]) -> Answer:
    """What a POST is answered; see ``got``."""
    match parts:
        case ["drops"]:
            return of_json({"drop": viewer.new_drop()})
        case ["drops", number, "look"]:
            return of_json({"case": viewer.look(number, _texts(said.get("scans")), _text_or_none(said.get("mask")))})
        case ["drops", number, "segment"]:
            scans, force = _text_by_text(said.get("scans")), said.get("force") is True
            return of_json(viewer.segment(number, str(said.get("task", "")), scans, force).as_json())
        case ["jobs", number, "cancel"]:
            viewer.segmenting.of(number).canceled.set()
            return of_json({})
    raise Missing


def _when_done(errand: Errand, answer: Callable[[Any], Answer]) -> Answer:
    if not errand.done.is_set():
        return of_json({}, 202)
    return failure(errand.sentence, 400) if errand.sentence else answer(errand.result)


def _mask(path: Path | None) -> Answer:
    if path is None:
        raise Missing
    try:
        body = path.read_bytes()
    except OSError as error:
        raise InputError("The mask's file is not there any more.") from error
    return Answer(body=body, type=BYTES, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(path.name)}"})


def _whole(text: str) -> int:
    """
    Raises:
        Missing: it is no number from 0.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Missing
    return int(text)


def _texts(value: Any) -> list[str]:
    return _checked(value, isinstance(value, list) and all(isinstance(each, str) for each in value))


def _text_or_none(value: Any) -> str | None:
    return _checked(value, value is None or isinstance(value, str))


def _text_by_text(value: Any) -> dict[str, str]:
    return _checked(value, isinstance(value, dict) and all(isinstance(each, str) for each in value.values()))


def _checked(value: Any, right: bool) -> Any:
    if not right:
        raise InputError("The page asked for something that cannot be understood; load it again.")
    return value
