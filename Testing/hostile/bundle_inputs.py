"""Model bundles as folders, links and zip files."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from monai.networks import nets  # noqa: F401  imported before memory is limited

from neurospineseg.models.bundle import find_bundle, read_bundle
from neurospineseg.models.network import build_to_run, load_weights
from Testing.hostile.case import Hostile, decoy, endless, fifo, packed, payload, sparse, written

NETWORK = {"_target_": "FullyConnectedNet", "in_channels": 1, "out_channels": 2, "hidden_channels": [3]}
U_NET = {
    "_target_": "DynUNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 2,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [2, 2, 2],
}
SPEC = {
    "name": "tiny",
    "task": "tumor",
    "channels": ["t1c"],
    "spacing": [1, 1, 1],
    "patch": [32, 32, 32],
    "normalization": "foreground_zscore",
    "classes": ["background", "necrotic_core", "edema", "enhancing_tumor"],
}


@cache
def weights() -> bytes:
    torch.manual_seed(0)
    stream = BytesIO()
    torch.save(build_to_run(NETWORK).state_dict(), stream)
    return stream.getvalue()


def folder_of(folder: Path, spec: Any = None, network: Any = None, **files: bytes | None) -> Path:
    """A bundle with other values in its description, another network or other files; a file that is None is left out."""
    metadata = {"neurospineseg": {**SPEC, **spec} if isinstance(spec, dict) else spec or SPEC}
    contents: dict[str, bytes | None] = {
        "metadata": json.dumps(metadata).encode(),
        "inference": json.dumps({"network_def": NETWORK if network is None else network}).encode(),
        "model": weights(),
        **files,
    }
    for name, place in {"metadata": "configs/metadata.json", "inference": "configs/inference.json", "model": "models/model.pt"}.items():
        if contents[name] is not None:
            written(folder / "tiny", place, contents[name] or b"")
    return folder / "tiny"


def run(folder: Path) -> Any:
    """What the program does with a bundle up to a network that could run."""
    bundle = read_bundle(folder)
    return load_weights(build_to_run(bundle.network_def), bundle.weights)


def found(folder: Path) -> Any:
    """As ``run``, of a bundle beside which its helpers are looked for."""
    os.environ["NEUROSPINESEG_MODELS"] = str(folder.parent)
    bundle = read_bundle(folder)
    helpers = [name for name in (bundle.spec.locator, bundle.spec.recognizer, bundle.spec.coarse) if name]
    return [find_bundle(name) for name in helpers]


def made(name: str, kind: str, make: Callable[[Path], Path], harmless: bool = False, read: Callable[[Path], Any] = run) -> Hostile:
    return Hostile(name, kind, make, read, harmless)


def stated(name: str, kind: str, harmless: bool = False, /, **spec: Any) -> Hostile:
    return made(name, kind, lambda folder: folder_of(folder, spec), harmless)


def network(name: str, kind: str, definition: Any, harmless: bool = False) -> Hostile:
    return made(name, kind, lambda folder: folder_of(folder, network=_filled(definition)), harmless)


def _filled(value: Any) -> Any:
    """``PAYLOAD`` in texts becomes code that would leave a mark."""
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value.replace("PAYLOAD", payload()) if isinstance(value, str) else value


def text(name: str, kind: str, content: bytes | Callable[[], bytes], *, file: str = "metadata", harmless: bool = False) -> Hostile:
    return made(name, kind, lambda folder: folder_of(folder, **{file: content() if callable(content) else content}), harmless)


def replaced(name: str, place: str, special: Callable[[Path], Any]) -> Hostile:
    """A file of the bundle is something else."""

    def make(folder: Path) -> Path:
        bundle = folder_of(folder)
        (bundle / place).unlink()
        special(bundle / place)
        return bundle

    return made(name, "special files", make)


def helper(name: str, /, **spec: str) -> Hostile:
    """Another bundle's name that is a path."""

    def make(folder: Path) -> Path:
        folder_of(folder / "elsewhere")
        return folder_of(folder / "models", {key: value.replace("OUTSIDE", str(decoy().parent)) for key, value in spec.items()})

    return made(name, "..", make, read=found)


def zipped(name: str, members: Callable[[], dict[str, bytes]], links: dict[str, str] | None = None) -> Hostile:
    """A zip file where a bundle's folder is expected."""

    def make(folder: Path) -> Path:
        return packed(folder / "tiny.zip", members(), links or {})

    return made(f"zip-{name}", "zip", make, read=lambda path: find_bundle(str(path)))


def _members() -> dict[str, bytes]:
    return {"tiny/configs/metadata.json": json.dumps({"neurospineseg": SPEC}).encode(), "tiny/models/model.pt": weights()}


def changed(**values: Any) -> dict[str, Any]:
    return {**copy.deepcopy(U_NET), **values}


EXPRESSIONS = ("$PAYLOAD", "$import os", "@bundle_root", "%configs/x.json::y", "$@network_def.to('cpu')", "  $PAYLOAD")
CLASSES = (
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "torch.load",
    "monai.bundle.run",
    "DynUNet.__init__",
    "",
    "__class__",
    "nets.Regressor",
)
DEEP = b"[" * 10_000 + b"]" * 10_000
INPUTS = [
    *(stated(f"name-{n[:24]!r}", "..", name=n) for n in ("../x", "/etc/passwd", "", "a/b", "a\\b", "x\ny", ".", "é", "a\0")),
    *(stated(f"{field}-{value!r}"[:60], "wrong types", **{field: value}) for field in SPEC for value in (None, 7, [[]], {}, "x" * 100_000) if not (field == "name" and isinstance(value, str))),
    *(stated(f"spacing-{n}", "spacings", spacing=[n, 1, 1]) for n in (float("nan"), float("inf"), 0, -1, 1e-300, 1e300)),
    *(stated(f"patch-{n}", "sizes", patch=[n, 32, 32]) for n in (0, -1, 2**62)),
    stated("region-nan", "spacings", region_mm=float("nan")),
    stated("region-negative", "spacings", region_mm=-5),
    *(stated(f"{field}-{n}", "sizes", **{field: n}) for field in ("divisor", "slices") for n in (0, -1, 2**62)),
    stated("unknown-key", "wrong types", __class__="x"),
    stated("task-with-path", "..", task="../../tumor"),
    stated("classes-many", "sizes", classes=["background", *(f"c{n}" for n in range(100_000))]),
    stated("channels-none", "sizes", channels=[]),
    stated("channels-twice", "duplicates", channels=["t1c", "t1c"]),
    *(made(f"spec-{n!r}", "wrong types", lambda folder, v=n: folder_of(folder, metadata=json.dumps({"neurospineseg": v}).encode())) for n in (None, 7, "x", [], [1])),
    *(text(f"{file}-{name}", kind, value, file=file) for file in ("metadata", "inference") for name, kind, value in (
        ("deep", "nesting", DEEP), ("deep-objects", "nesting", b'{"a":' * 10_000 + b"1" + b"}" * 10_000), ("empty", "truncated", b""),
        ("cut", "truncated", b'{"neurospineseg": {"name": "ti'), ("not-utf8", "encoding", b'{"\xff\xfe": 1}'), ("utf16", "encoding", '{"a": 1}'.encode("utf-16")),
        ("null", "encoding", b'{"a\0b": 1}'), ("list", "wrong types", b"[1, 2]"), ("number", "wrong types", b"7"), ("digits", "sizes", b'{"a": ' + b"9" * 100_000 + b"}"),
        ("large", "sizes", b'{"a": "' + b"x" * 2**25 + b'"}'),
    )),  # fmt: skip
    text("inference-surrogates", "encoding", json.dumps({"network_def": {"_target_": "\ud800"}}).encode(), file="inference"),
    text("metadata-twice", "duplicates", json.dumps({"neurospineseg": SPEC}).encode()[:-1] + b', "neurospineseg": 7}'),
    *(replaced(f"{place}-{name}", place, special) for place in ("configs/metadata.json", "configs/inference.json", "models/model.pt") for name, special in {
        "pipe": fifo, "endless": endless, "sparse": sparse, "folder": lambda path: path.mkdir(), "missing": lambda path: None,
        "loop": lambda path: os.symlink(path, path), "to-nowhere": lambda path: os.symlink("nowhere", path),
    }.items()),  # fmt: skip
    *(network(f"expression-{n}", "$ expressions", changed(filters=n)) for n in EXPRESSIONS),
    *(network(f"expression-in-list-{n}", "$ expressions", changed(filters=[[n], 2, 2])) for n in EXPRESSIONS[:4]),
    *(network(f"expression-in-object-{n}", "$ expressions", changed(norm_name=["INSTANCE", {"affine": n}])) for n in EXPRESSIONS[:4]),
    *(network(f"expression-in-key-{n}", "$ expressions", changed(**{n: 1})) for n in EXPRESSIONS[:2]),
    network("expression-instead", "$ expressions", "$PAYLOAD"),
    *(network(f"class-{n}", "_target_", {"_target_": n, "command": "PAYLOAD"}) for n in CLASSES),
    *(network(f"class-of-type-{n!r}", "_target_", {"_target_": n}) for n in (7, None, ["os.system"], {"a": 1})),
    *(network(f"class-within-{n}", "_target_", changed(act_name={"_target_": n, "command": "PAYLOAD"})) for n in CLASSES[:4]),
    network("class-in-list", "_target_", changed(filters=[{"_target_": "os.system", "command": "PAYLOAD"}])),
    network("class-elsewhere", "_target_", {**U_NET, "_target_": "evil.module.DynUNet"}),
    *(network(f"value-{key}-{name}", "wrong types", changed(**{key: value})) for key in ("in_channels", "out_channels", "kernel_size", "strides", "filters", "spatial_dims") for name, value in (
        ("text", "x"), ("nan", float("nan")), ("negative", -1), ("object", {}), ("empty", []),
    )),  # fmt: skip
    network("act-unknown", "wrong types", changed(act_name="os.system")),
    network("norm-unknown", "wrong types", changed(norm_name="__import__")),
    network("unet-act", "wrong types", {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 2], "strides": [2], "act": "system"}),
    network("filters-huge", "sizes", changed(filters=[10**9, 10**9, 10**9])),
    network("filters-overflow", "sizes", changed(filters=[2**62, 2**62, 2**62])),
    network("channels-huge", "sizes", {**NETWORK, "hidden_channels": [10**6, 10**6]}),
    network("layers-million", "sizes", {**NETWORK, "hidden_channels": [1] * 100_000}),
    network("kernel-huge", "sizes", changed(kernel_size=[999_999, 3, 3])),
    network("unknown-parameter", "wrong types", changed(evil=1)),
    network("many-parameters", "huge strings", changed(**{f"k{n}": 1 for n in range(100_000)})),
    network("key-private", "wrong types", changed(__reduce__="x")),
    network("none", "wrong types", {}),
    *(helper(f"{field}-{n}", **{field: n}) for field in ("locator", "recognizer", "coarse") for n in ("../elsewhere/tiny", "OUTSIDE", "../../../../../../etc", "x\0y", "x" * 5000)),
    zipped("plain", _members),
    zipped("absolute", lambda: {str(decoy("made.txt")): b"x", **_members()}),
    zipped("outside", lambda: {"../../decoy/made.txt": b"x", **_members()}),
    zipped("links", _members, {"tiny/out": "/etc/passwd", "tiny/configs/inference.json": "../../decoy/secret.raw"}),
    zipped("bomb", lambda: {"tiny/configs/metadata.json": bytes(2**26)}),
    made("zip-as-folder", "zip", lambda folder: written(folder, "tiny", b"PK\x03\x04" + b"\xff" * 200)),
    made("file-as-folder", "wrong types", lambda folder: written(folder, "tiny", b"x"), read=lambda path: find_bundle(str(path))),
    made("name-with-null", "names", lambda folder: folder / "x\0y", read=lambda path: find_bundle(str(path))),
    made("name-too-long", "names", lambda folder: folder / ("x" * 5000), read=lambda path: find_bundle(str(path))),
    made("nowhere", "truncated", lambda folder: folder / "nowhere"),
]  # fmt: skip
