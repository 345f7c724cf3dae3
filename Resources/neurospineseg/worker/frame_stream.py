"""Messages and files in one stream of bytes each way, for where two processes share no folder.

A frame is two lengths, a JSON object with its kind, and its content; what packs well is packed by zlib. Nothing that comes is more than data:
lengths are limited, files have plain names, and land in one folder.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO, Any

CHUNK_BYTES = 2**20
LONGEST_HEADER, LONGEST_CONTENT = 2**16, 2**26
GREETING = b"\n\x00NeuroSpineSeg's far end\x00"
"""Comes before the first frame from the other computer; login scripts may have printed before."""
MOST_NOISE = 2**22
_LENGTHS = struct.Struct(">II")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}\.npy")


class StreamError(ValueError):
    """The other side says what no frame is."""


@dataclass(frozen=True)
class Frame:
    """What one side sends the other.

    Attributes:
        kind: what it is.
        fields: of JSON's own types.
        content: unpacked.
    """

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    content: bytes = b""


class FrameStream:
    """Both directions of a connection; several threads may send.

    Args:
        incoming, outgoing: binary pipes.

    Attributes:
        sent, received: bytes of frames so far, as they travel.
    """

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self.sent = self.received = 0
        self._lock = Lock()

    def send(self, kind: str, content: bytes = b"", **fields: Any) -> None:
        """Sends a frame.

        Raises:
            OSError: the other side is gone.
        """
        packed = zlib.compress(content, 1)
        shorter = len(packed) < 0.95 * len(content)
        header = json.dumps({"kind": kind, "size": len(content), "packed": shorter, **fields}).encode("utf-8")
        travels = packed if shorter else content
        with self._lock:
            for part in (_LENGTHS.pack(len(header), len(travels)), header, travels):
                self.outgoing.write(part)
            self.outgoing.flush()
            self.sent += _LENGTHS.size + len(header) + len(travels)

    def send_file(self, path: Path, told: Callable[[float], None] = lambda fraction: None) -> None:
        """Sends a file in pieces, and says after each which fraction has gone.

        Raises:
            OSError: it cannot be read, or the other side is gone.
        """
        size, gone = max(1, path.stat().st_size), 0
        with open(path, "rb") as file:
            while True:
                chunk = file.read(CHUNK_BYTES)
                self.send("file", chunk, name=path.name, first=gone == 0)
                gone += len(chunk)
                told(min(1.0, gone / size))
                if len(chunk) < CHUNK_BYTES:
                    return

    def receive(self) -> Frame | None:
        """The next frame; None where the other side has closed.

        Raises:
            StreamError: it is none.
            OSError: the connection broke.
        """
        lengths = self._read(_LENGTHS.size)
        if lengths is None:
            return None
        header_length, content_length = _LENGTHS.unpack(lengths)
        if header_length > LONGEST_HEADER or content_length > LONGEST_CONTENT:
            raise StreamError("A frame is longer than any that this program sends.")
        header, content = self._read(header_length), self._read(content_length)
        if header is None or content is None:
            return None
        self.received += len(lengths) + header_length + content_length
        return _frame(header, content)

    def _read(self, length: int) -> bytes | None:
        """Exactly so many bytes; None where the stream ends before."""
        parts, missing = [], length
        while missing:
            part = self.incoming.read(missing)
            if not part:
                return None
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def skip_to_greeting(self) -> bool:
        """Reads what comes before the greeting away; returns whether it came."""
        noise = b""
        for _ in range(MOST_NOISE):
            letter = self.incoming.read(1)
            if not letter:
                return False
            noise = (noise + letter)[-len(GREETING) :]
            if noise == GREETING:
                return True
        return False


def _frame(header: bytes, content: bytes) -> Frame:
    try:
        fields = json.loads(header)
        kind, size, packed = fields.pop("kind"), fields.pop("size"), fields.pop("packed")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StreamError("A frame has no header.") from error
    if not isinstance(kind, str) or not isinstance(size, int) or not 0 <= size <= LONGEST_CONTENT:
        raise StreamError("A frame's header is malformed.")
    if packed:
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(content, size + 1)
        except zlib.error as error:
            raise StreamError("The content of a frame cannot be unpacked.") from error
    if len(content) != size:
        raise StreamError("The content of a frame is not as long as it says.")
    return Frame(kind, fields, content)


def write_received(folder: Path, frame: Frame) -> str:
    """Writes the piece of a file that a frame holds; returns the file's name.

    Raises:
        StreamError: its name is no plain one.
        OSError: it cannot be written.
    """
    name = frame.fields.get("name")
    if not isinstance(name, str) or not _PLAIN_NAME.fullmatch(name):
        raise StreamError(f"{name!r:.100} is no name of a file of voxels.")
    with open(folder / name, "wb" if frame.fields.get("first") is True else "ab") as file:
        file.write(frame.content)
    return name
