"""Weights: pickles, archives and tensors that are none."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurospineseg.models.network import build_to_run, load_weights
from Testing.hostile.bundle_inputs import NETWORK, weights
from Testing.hostile.case import CANARY, Hostile, endless, fifo, payload, sparse, written


class Runs:
    """What runs a function where it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def read(path: Path) -> Any:
    return load_weights(build_to_run(NETWORK), path)


def state() -> dict[str, Any]:
    return dict(build_to_run(NETWORK).state_dict())


def saved(value: Callable[[], Any], **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        stream = BytesIO()
        torch.save(value(), stream, **options)
        return written(folder, "model.pt", stream.getvalue())

    return make


def given(name: str, kind: str, make: Callable[[Path], Path] | bytes | Callable[[], bytes]) -> Hostile:
    if isinstance(make, bytes):
        return Hostile(name, kind, lambda folder: written(folder, "model.pt", make), read)
    return Hostile(name, kind, make, read)  # type: ignore[arg-type]


def tensor(name: str, kind: str, change: Callable[[torch.Tensor], Any]) -> Hostile:
    """One tensor of the state is another."""

    def value() -> dict[str, Any]:
        own = state()
        key = next(key for key, each in own.items() if each.ndim == 2)
        return {**own, key: change(own[key])}

    return given(name, kind, saved(value))


def _touch() -> Any:
    return Runs(os.system, f"touch {os.environ[CANARY]}")


def _pickled(value: Callable[[], Any], protocol: int = 2) -> Callable[[Path], Path]:
    return lambda folder: written(folder, "model.pt", pickle.dumps(value(), protocol))


def _archive(members: Callable[[], dict[str, bytes]], compression: int = zipfile.ZIP_STORED) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "model.pt", "w", compression) as file:
            for name, content in members().items():
                file.writestr(name, content)
        return folder / "model.pt"

    return make


def _numpy(value: Callable[[], Any], save: Callable[..., None]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        stream = BytesIO()
        save(stream, value())
        return written(folder, "model.pt", stream.getvalue())

    return make


def _objects() -> Any:
    made = np.empty(1, object)
    made[0] = _touch()
    return made


def _evaluated() -> Any:
    return Runs(eval, payload())


def _cut(end: int) -> Callable[[Path], Path]:
    return lambda folder: written(folder, "model.pt", weights()[:end])


def _flipped(place: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        content = bytearray(weights())
        content[place] ^= 255
        return written(folder, "model.pt", bytes(content))

    return make


INPUTS = [
    *(given(f"runs-{name}-{how}", "pickles", make) for name, value in {"system": _touch, "eval": _evaluated}.items() for how, make in {
        "torch": saved(value), "torch-old": saved(value, _use_new_zipfile_serialization=False), "pickle": _pickled(value), "pickle0": _pickled(value, 0),
        "pickle5": _pickled(value, 5), "in-state": saved(lambda v=value: {**state(), "extra": v()}), "in-list": saved(lambda v=value: [v()]),
        "as-key": _archive(lambda v=value: {"model/data.pkl": pickle.dumps(v(), 2), "model/version": b"3"}),
        "deflated": _archive(lambda v=value: {"model/data.pkl": pickle.dumps(v(), 2), "model/version": b"3"}, zipfile.ZIP_DEFLATED),
    }.items()),  # fmt: skip
    given("module", "pickles", saved(lambda: torch.nn.Linear(2, 2))),
    given("numpy-objects", "pickles", _numpy(_objects, np.save)),
    given("numpy-npz-objects", "pickles", _numpy(_objects, np.savez)),
    given("numpy", "wrong types", _numpy(lambda: np.zeros(3), np.save)),
    given("global-of-torch", "pickles", b"\x80\x02ctorch\nload\nX\x01\0\0\0x\x85R."),
    given("global-os", "pickles", b"cos\nsystem\n(S'true'\ntR."),
    given("global-builtins", "pickles", b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R."),
    given("pickle-deep", "nesting", b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."),
    given("pickle-lists", "nesting", b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
    given("pickle-long", "sizes", b"\x80\x02\x8b\xff\xff\xff\x7f" + bytes(99)),
    given("pickle-memo", "sizes", b"\x80\x02Nr\xff\xff\xff\xff."),
    given("pickle-string", "sizes", b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f."),
    *(given(f"value-{name}", "wrong types", saved(value)) for name, value in {
        "none": lambda: None, "number": lambda: 7, "list": lambda: [torch.zeros(2)], "text": lambda: "weights", "tensor": lambda: torch.zeros(3),
        "nested": lambda: {"state_dict": state()}, "numbers": lambda: {"a": 1.0}, "empty": dict, "key-number": lambda: {**state(), 3: torch.ones(1)},
        "key-long": lambda: {"x" * 10**6: torch.ones(1)}, "key-lines": lambda: {"a\n\x1b[2J": torch.ones(1, dtype=torch.bool)},
        "keys-many": lambda: {f"k{n}": torch.ones(1) for n in range(1000)}, "key-missing": lambda: dict(list(state().items())[1:]),
        "set": lambda: {"a": {1, 2}},
    }.items()),  # fmt: skip
    *(tensor(f"type-{kind}".replace("torch.", ""), "wrong types", lambda each, k=kind: each.to(k)) for kind in (
        torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool, torch.complex64, torch.int8,
    )),  # fmt: skip
    *(tensor(f"values-{n}", "intensities", lambda each, v=n: torch.full_like(each, v)) for n in (float("nan"), float("inf"), -float("inf"))),
    tensor("shape", "sizes", lambda each: torch.zeros(9, 9)),
    tensor("shape-zero", "sizes", lambda each: torch.zeros(0, 4)),
    tensor("scalar", "sizes", lambda each: torch.tensor(1.0)),
    tensor("expanded", "sizes", lambda each: torch.zeros(1).expand(10**5, 10**5)),
    tensor("expanded-int8", "sizes", lambda each: torch.zeros(1, dtype=torch.int8).expand(10**5, 10**5)),
    tensor("expanded-half", "sizes", lambda each: torch.zeros(1, dtype=torch.half).expand(10**5, 10**5)),
    tensor("sparse-tensor", "wrong types", lambda each: torch.eye(3).to_sparse()),
    tensor("sparse-huge", "sizes", lambda each: torch.sparse_coo_tensor(torch.zeros((2, 1), dtype=torch.long), torch.ones(1), (10**6, 10**6))),
    tensor("meta", "wrong types", lambda each: torch.zeros(each.shape, device="meta")),
    tensor("quantized", "wrong types", lambda each: torch.quantize_per_tensor(each, 0.1, 0, torch.qint8)),
    *(given(f"cut-{end}", "truncated", _cut(end)) for end in (0, 1, 4, 60, 500, -1, -40)),
    *(given(f"flipped-{place}", "truncated", _flipped(place)) for place in (0, -20)),
    *(Hostile(f"flipped-{place}", "truncated", _flipped(place), read, harmless=True) for place in (30, -4)),
    given("text", "wrong types", b"Dear colleague, please find enclosed the weights."),
    given("safetensors", "wrong types", (2**62).to_bytes(8, "little") + b'{"a": {}}'),
    given("hdf5", "wrong types", b"\x89HDF\r\n\x1a\n" + bytes(400)),
    given("tar", "wrong types", b"model/\0" + bytes(250) + b"ustar\x0000" + bytes(600)),
    given("zip-empty", "truncated", _archive(dict)),
    given("zip-bomb", "gzip bomb", _archive(lambda: {"model/data.pkl": bytes(2**27), "model/version": b"3"}, zipfile.ZIP_DEFLATED)),
    given("zip-outside", "..", _archive(lambda: {"../../decoy/data.pkl": pickle.dumps({}), "../../decoy/version": b"3"})),
    given("zip-torchscript", "pickles", _archive(lambda: {"model/code/__torch__.py": f"import os\n{payload()}".encode(), "model/data.pkl": pickle.dumps({}), "model/constants.pkl": pickle.dumps(()), "model/version": b"3"})),
    given("pipe", "special files", lambda folder: fifo(folder / "model.pt")),
    given("endless", "special files", lambda folder: endless(folder / "model.pt")),
    given("sparse", "sizes", lambda folder: sparse(folder / "model.pt")),
    given("folder", "special files", lambda folder: (folder / "model.pt").mkdir() or folder / "model.pt"),
    given("missing", "truncated", lambda folder: folder / "model.pt"),
]  # fmt: skip
