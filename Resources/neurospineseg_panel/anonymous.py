"""Text without what may tell who a patient is: names of nodes and segments, which users take from patients, and folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import slicer

from neurospineseg.tasks.anatomy import all_structures

_TELLS_NOTHING = re.compile(r"\w|\d{1,3}")


def anonymous(text: str, folders: Iterable[str] = ()) -> str:
    """Replaces the names of the scene's nodes by what they are (``<volume 1>``), the home folder by ``~`` and other folders by ``<folder>``.

    Words that Slicer or an atlas of anatomy would use too, such as ``Segmentation_1`` or ``Left thalamus``, stay.
    """
    homes = {str(Path.home()): "~"} if len(Path.home().parts) > 1 else {}
    for folder, word in {**dict.fromkeys(filter(None, folders), "<folder>"), **homes}.items():
        for written in (folder, repr(folder)[1:-1], Path(folder).as_posix()):
            text = text.replace(written, word)
    words = {name: word for name, word in _named() if not _TELLS_NOTHING.fullmatch(name)}
    if not words:
        return text
    longest_first = "|".join(re.escape(name) for name in sorted(words, key=len, reverse=True))
    return re.sub(rf"(?<![^\W_])(?:{longest_first})(?![^\W_])", lambda found: words[found.group()], text)


def _named() -> Iterable[tuple[str, str]]:
    """Names that somebody gave to nodes and segments of the scene, and what to write in their stead."""
    anatomy = {structure.name for structure in all_structures()}
    segments = 0
    for node in slicer.util.getNodesByClass("vtkMRMLStorableNode"):
        name, kind = (node.GetName() or "").strip(), node.GetNodeTagName()
        if not node.GetHideFromEditors() and not re.fullmatch(rf"{re.escape(kind)}(_\d+)?", name):
            yield name, f"<{kind.lower()} {_number(node)}>"
        if not node.IsA("vtkMRMLSegmentationNode"):
            continue
        for identifier in node.GetSegmentation().GetSegmentIDs():
            segments += 1
            name = node.GetSegmentation().GetSegment(identifier).GetName() or ""
            if name not in anatomy:
                yield name.strip(), f"<segment {segments}>"


def _number(node: Any) -> str:
    """The number at the end of a node's ID, which stays the same while others come and go."""
    return re.findall(r"\d*$", node.GetID() or "")[0]
