"""What travels between two computers comes as it was sent; what is malformed is refused, and lands nowhere."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospineseg.worker.frame_stream import CHUNK_BYTES, GREETING, Frame, FrameStream, StreamError, write_received


def sent(content: bytes, **fields: Any) -> bytes:
    out = io.BytesIO()
    FrameStream(io.BytesIO(), out).send("file", content, **fields)
    return out.getvalue()


def read(data: bytes) -> FrameStream:
    return FrameStream(io.BytesIO(data), io.BytesIO())


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 5, 3 * CHUNK_BYTES])
@pytest.mark.parametrize("packs", [True, False])
def test_a_file_comes_as_it_was(tmp_path: Path, size: int, packs: bool) -> None:
    (tmp_path / "here").mkdir()
    path, out = tmp_path / "scan0.npy", io.BytesIO()
    path.write_bytes(bytes(size) if packs else np.random.default_rng(0).bytes(size))
    fractions: list[float] = []
    FrameStream(io.BytesIO(), out).send_file(path, fractions.append)
    stream = read(out.getvalue())
    while (frame := stream.receive()) is not None:
        write_received(tmp_path / "here", frame)
    assert (tmp_path / "here" / "scan0.npy").read_bytes() == path.read_bytes()
    assert fractions == sorted(fractions)
    assert stream.received == len(out.getvalue())
    assert not packs or size < 2 or len(out.getvalue()) < size / 10 + 400


@pytest.mark.parametrize(
    "name", ["../scan.npy", "/tmp/scan.npy", ".npy", "a/b.npy", "scan.sh", "", None, 7, "x" * 200 + ".npy", "a\\b.npy"]
)
def test_only_files_of_voxels_are_written_and_only_into_the_folder(tmp_path: Path, name: Any) -> None:
    with pytest.raises(StreamError):
        write_received(tmp_path, Frame("file", {"name": name, "first": True}, b"x"))
    assert list(tmp_path.iterdir()) == []


def framed(header: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">II", len(header), len(content)) + header + content


BOMB = zlib.compress(bytes(2**24))
MALFORMED = [
    struct.pack(">II", 2**31, 0),
    struct.pack(">II", 5, 2**31),
    framed(b"no json"),
    framed(b"[]"),
    framed(json.dumps({"kind": "file"}).encode()),
    framed(json.dumps({"kind": 1, "size": 0, "packed": False}).encode()),
    framed(json.dumps({"kind": "file", "size": 2**30, "packed": True}).encode(), BOMB),
    framed(json.dumps({"kind": "file", "size": 5, "packed": True}).encode(), BOMB),
    framed(json.dumps({"kind": "file", "size": 5, "packed": True}).encode(), b"xxxxx"),
    framed(json.dumps({"kind": "file", "size": 5, "packed": False}).encode(), b"xx"),
]


@pytest.mark.parametrize("data", MALFORMED)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(StreamError):
        read(data).receive()


@pytest.mark.parametrize("length", [0, 3, 8, 20])
def test_where_the_connection_breaks_nothing_more_comes(length: int) -> None:
    assert read(sent(b"abcdef" * 50, name="scan.npy")[:length]).receive() is None


@pytest.mark.parametrize("noise", [b"", b"Welcome\r\n", GREETING[:-1], bytes(range(256)) * 40])
def test_the_greeting_is_found_behind_noise(noise: bytes) -> None:
    stream = read(noise + GREETING + sent(b"x", name="a.npy"))
    assert stream.skip_to_greeting()
    assert stream.receive() == Frame("file", {"name": "a.npy"}, b"x")


def test_noise_alone_is_no_greeting() -> None:
    assert not read(b"Welcome\n" * 100).skip_to_greeting()
