"""Other people's models that are to be added: MONAI Bundles and zip files that want to be code, or to be elsewhere."""

from __future__ import annotations

import copy
import json
import os
import zipfile
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from monai.networks import nets
from monai.transforms import Compose  # noqa: F401  imported before memory is limited

from neurospineseg.pipeline.adding import Wishes, add_model
from Testing.hostile.case import Hostile, decoy, fifo, packed, payload, sparse, written
from Testing.hostile.weights_inputs import Runs

NETWORK = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 4], "strides": [2]}
CONFIG: dict[str, Any] = {
    "imports": ["$PAYLOAD"],
    "device": "$PAYLOAD",
    "run": ["$PAYLOAD"],
    "network_def": {"_target_": "UNet", **NETWORK},
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [{"_target_": "LoadImaged", "keys": "image"}, {"_target_": "ScaleIntensityd", "keys": "image"}],
    },
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [8, 8, 8]},
    "postprocessing": {"_target_": "Compose", "transforms": [{"_target_": "Activationsd", "keys": "pred", "softmax": True}]},
}
METADATA = {
    "name": "drawn",
    "network_data_format": {"outputs": {"pred": {"channel_def": {"0": "background", "1": "L3"}}}},
}


@cache
def weights() -> bytes:
    stream = BytesIO()
    torch.save(nets.UNet(**NETWORK).state_dict(), stream)
    return stream.getvalue()


def add(path: Path) -> Any:
    """What the program does with a model up to a bundle of its own."""
    return add_model(path, Wishes(task="spine"), path.parent / "models")


def _filled(text: str) -> bytes:
    """``PAYLOAD`` becomes code that would leave a mark."""
    return text.replace("PAYLOAD", json.dumps(payload())[1:-1]).encode()


def contents(config: Any = None, metadata: Any = None, model: bytes | None = None, **files: bytes) -> dict[str, bytes]:
    return {
        "configs/inference.json": _filled(json.dumps(CONFIG if config is None else config)),
        "configs/metadata.json": _filled(json.dumps(METADATA if metadata is None else metadata)),
        "models/model.pt": weights() if model is None else model,
        **files,
    }


def folder_of(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        written(folder / "tiny", name, content)
    return folder / "tiny"


def made(name: str, kind: str, make: Callable[[Path], Path], harmless: bool = False) -> Hostile:
    return Hostile(f"added-{name}", kind, make, add, harmless)


def changed(name: str, kind: str, *places: str | int, value: Any, harmless: bool = False) -> Hostile:
    """A bundle whose configuration has another value somewhere."""
    config = copy.deepcopy(CONFIG)
    part = config
    for place in places[:-1]:
        part = part[place]  # type: ignore[index]
    part[places[-1]] = value  # type: ignore[index]
    return made(name, kind, lambda folder: folder_of(folder, contents(config)), harmless)


def weighed(name: str, value: Callable[[], Any]) -> Hostile:
    def make(folder: Path) -> Path:
        stream = BytesIO()
        torch.save(value(), stream)
        return folder_of(folder, contents(model=stream.getvalue()))

    return made(name, "pickles", make)


def scripted(folder: Path) -> Path:
    """Weights that are TorchScript, as many published bundles have them beside."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("model/code/__torch__.py", payload())
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("model/constants.pkl", b"\x80\x02)q\x00.")
    return folder_of(folder, contents(model=stream.getvalue()))


def only_script(folder: Path) -> Path:
    files = contents()
    files["models/model.ts"] = files.pop("models/model.pt")
    return folder_of(folder, files)


def linked(name: str, place: str) -> Hostile:
    """A file of the bundle is a link to one outside of it."""

    def make(folder: Path) -> Path:
        bundle = folder_of(folder, contents())
        (bundle / place).unlink()
        (bundle / place).symlink_to(decoy())
        return bundle

    return made(f"link-{name}", "links", make)


def special(name: str, make: Callable[[Path], Any]) -> Hostile:
    def place(folder: Path) -> Path:
        bundle = folder_of(folder, contents())
        (bundle / "models" / "model.pt").unlink()
        make(bundle / "models" / "model.pt")
        return bundle

    return made(name, "special files", place)


def zipped(name: str, members: Callable[[], dict[str, bytes]], links: dict[str, str] | None = None, harmless: bool = False) -> Hostile:
    def make(folder: Path) -> Path:
        return packed(folder / "tiny.zip", members(), links or {})

    return made(f"zip-{name}", "zip", make, harmless)


PLANS: dict[str, Any] = {
    "image_reader_writer": "SimpleITKIO",
    "transpose_forward": [0, 1, 2],
    "configurations": {
        "3d_fullres": {
            "spacing": [1, 1, 1],
            "patch_size": [8, 8, 8],
            "normalization_schemes": ["ZScoreNormalization"],
            "use_mask_for_norm": [False],
            "architecture": {
                "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
                "arch_kwargs": {"n_stages": 2, "conv_op": "torch.nn.Conv3d", "nonlin": "torch.nn.ReLU"},
                "_kw_requires_import": ["conv_op", "PAYLOAD"],
            },
        }
    },
}
DATA = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "L3": 1}}
CHECKPOINT = {"network_weights": {"a": torch.zeros(1)}, "init_args": {"configuration": "3d_fullres"}, "trainer_name": "os.system"}
OF_PLANS = ("configurations", "3d_fullres")


def results(name: str, kind: str, *places: str, value: Any = None, **files: Callable[[], Any]) -> Hostile:
    """Results of nnU-Net with another value somewhere in their plans, or another file; all need a package that may be missing."""

    def make(folder: Path) -> Path:
        plans = copy.deepcopy(PLANS)
        part: Any = plans
        for place in places[:-1]:
            part = part[place]
        if places:
            part[places[-1]] = value
        stream = BytesIO()
        torch.save(files["checkpoint"]() if "checkpoint" in files else CHECKPOINT, stream)
        data = files["data"]() if "data" in files else DATA
        contents = {"plans.json": _filled(json.dumps(plans)), "dataset.json": _filled(json.dumps(data))}
        return folder_of(folder, {**contents, "fold_0/checkpoint_final.pth": stream.getvalue()})

    return made(f"nnunet-{name}", kind, make)


def _checkpoint(**values: Any) -> Callable[[], Any]:
    return lambda: {**CHECKPOINT, **values}


def _without(*names: str) -> dict[str, bytes]:
    return {name: content for name, content in contents().items() if name not in names}


EVIL = {"_target_": "os.system", "command": "touch x"}
BEFORE, AFTER = ("preprocessing", "transforms"), ("postprocessing", "transforms")
INPUTS = [
    made("expressions-elsewhere", "$ expressions", lambda folder: folder_of(folder / "a", contents()), harmless=True),
    *(changed(f"network-{key}-{value[:9]}", "$ expressions", "network_def", key, value=value) for key in ("in_channels", "channels", "act") for value in ("$PAYLOAD", "  $PAYLOAD", "@nowhere", "%x.json::y")),
    *(changed(f"network-class-{name}", "_target_", "network_def", value={"_target_": name, "command": "PAYLOAD"}) for name in ("os.system", "builtins.exec", "scripts.networks.Evil", "monai.bundle.run", "torch.hub.load")),
    changed("network-expression", "$ expressions", "network_def", value="$PAYLOAD"),
    changed("network-class-within", "_target_", "network_def", "act", value=EVIL),
    changed("network-huge", "sizes", "network_def", "channels", value=[60_000, 60_000]),
    changed("network-2d", "wrong types", "network_def", "spatial_dims", value=2),
    *(changed(f"{where}-class-{name}", "_target_", *place, value=[{"_target_": name, "keys": "image", "func": "$PAYLOAD"}]) for where, place in (("before", BEFORE), ("after", AFTER)) for name in ("os.system", "Lambda", "monai.transforms.utility.dictionary.Lambdad", "ClassesToIndicesd", "evil.NormalizeIntensityd")),
    changed("before-lambda", "_target_", *BEFORE, value=[{"_target_": "Lambdad", "keys": "image", "func": "$PAYLOAD"}]),
    changed("after-lambda", "_target_", *AFTER, value=[{"_target_": "Lambdad", "keys": "pred", "func": "$PAYLOAD"}], harmless=True),
    *(changed(f"before-value-{name}", kind, *BEFORE, value=[{"_target_": target, "keys": "image", key: value}]) for name, kind, target, key, value in (
        ("expression", "$ expressions", "Spacingd", "pixdim", "$PAYLOAD"), ("fine", "sizes", "Spacingd", "pixdim", [1e-9, 1, 1]), ("code", "_target_", "CropForegroundd", "select_fn", "$PAYLOAD"),
        ("class", "_target_", "NormalizeIntensityd", "divisor", EVIL), ("large", "sizes", "SpatialPadd", "spatial_size", [10**9] * 3), ("axes", "wrong types", "Orientationd", "axcodes", "RAX"), ("nan", "sizes", "ScaleIntensityd", "minv", float("nan")),
    )),
    changed("before-expression", "$ expressions", "preprocessing", value="$PAYLOAD"),
    changed("before-circle", "nesting", "preprocessing", value="@preprocessing"),
    changed("before-text", "wrong types", *BEFORE, value=["$PAYLOAD"]),
    changed("inferer-class", "_target_", "inferer", value={"_target_": "os.system", "command": "x"}),
    changed("inferer-expression", "$ expressions", "inferer", "roi_size", value="$PAYLOAD"),
    changed("inferer-huge", "sizes", "inferer", "roi_size", value=[10**6] * 3),
    changed("inferer-predictor", "wrong types", "inferer", "predictor", value="os.system"),
    *(made(f"metadata-{number}", "wrong types", lambda folder, value=value: folder_of(folder, contents(metadata=value)), harmless=True) for number, value in enumerate((
        {"name": ["x"], "version": {"a": 1}, "network_data_format": 7}, {"network_data_format": {"outputs": {"pred": {"channel_def": {"1": "$PAYLOAD\x1b[31m../../x"}}}}},
    ))),
    made("metadata-list", "wrong types", lambda folder: folder_of(folder, contents(metadata=[1]))),
    made("config-list", "wrong types", lambda folder: folder_of(folder, contents(config=[1]))),
    made("config-deep", "nesting", lambda folder: folder_of(folder, contents(**{"configs/inference.json": b"[" * 10_000 + b"]" * 10_000}))),
    weighed("pickle", lambda: {"a": Runs(os.system, f"touch {decoy('made.txt')}")}),
    weighed("pickle-in-model", lambda: {"model": Runs(exec, payload())}),
    weighed("no-tensors", lambda: {"model": {"a": 1}}),
    made("pickle-plain", "pickles", lambda folder: folder_of(folder, contents(model=b"cos\nsystem\n(S'touch x'\ntR."))),
    made("script", "TorchScript", scripted),
    made("only-script", "TorchScript", only_script),
    *(linked(place.rpartition("/")[2], place) for place in ("configs/inference.json", "configs/metadata.json", "models/model.pt")),
    special("pipe", fifo),
    special("sparse", sparse),
    results("pickle", "pickles", checkpoint=lambda: {**CHECKPOINT, "logging": Runs(os.system, f"touch {decoy('made.txt')}")}),
    results("pickle-of-weights", "pickles", checkpoint=lambda: {**CHECKPOINT, "network_weights": Runs(exec, payload())}),
    results("no-weights", "wrong types", checkpoint=_checkpoint(network_weights=7)),
    results("no-configuration", "wrong types", checkpoint=_checkpoint(init_args=None)),
    results("configuration-elsewhere", "..", checkpoint=_checkpoint(init_args={"configuration": "../../x"})),
    results("mirrored-oddly", "wrong types", checkpoint=_checkpoint(inference_allowed_mirroring_axes=(10**9,))),
    results("mirrored-text", "wrong types", checkpoint=_checkpoint(inference_allowed_mirroring_axes="012")),
    *(results(f"network-{name}", "_target_", *OF_PLANS, "architecture", "network_class_name", value=name) for name in ("os.system", "builtins.exec", "evil.PlainConvUNet", "dynamic_network_architectures.architectures.primus.Primus", 7)),
    *(results(f"layer-{name}", "_target_", *OF_PLANS, "architecture", "arch_kwargs", "conv_op", value=name) for name in ("os.system", "torch.hub.load", "torch.nn.modules.conv.os", 7, {"a": 1})),
    results("layer-options", "wrong types", *OF_PLANS, "architecture", "arch_kwargs", "evil", value="$PAYLOAD"),
    results("layer-expression", "$ expressions", *OF_PLANS, "architecture", "arch_kwargs", "strides", value="$PAYLOAD"),
    results("layers-huge", "sizes", *OF_PLANS, "architecture", "arch_kwargs", "features_per_stage", value=[10**9, 10**9]),
    results("scaling", "_target_", *OF_PLANS, "normalization_schemes", value=["os.system"]),
    results("preprocessor", "_target_", *OF_PLANS, "preprocessor_name", value="EvilPreprocessor"),
    results("resampling", "_target_", *OF_PLANS, "resampling_fn_data", value="os.system"),
    results("reader", "_target_", "image_reader_writer", value="os.system"),
    results("inherits-circle", "nesting", *OF_PLANS, "inherits_from", value="3d_fullres"),
    results("stage-before-elsewhere", "..", *OF_PLANS, "previous_stage", value="../../decoy"),
    results("axes", "wrong types", "transpose_forward", value=[0, 0, 0]),
    results("axes-text", "wrong types", "transpose_forward", value="$PAYLOAD"),
    results("patch-huge", "sizes", *OF_PLANS, "patch_size", value=[10**6] * 3),
    results("spacing-zero", "spacings", *OF_PLANS, "spacing", value=[0, 1, 1]),
    results("spacing-nan", "spacings", *OF_PLANS, "spacing", value=[float("nan"), 1, 1]),
    results("labels-text", "wrong types", data=lambda: {**DATA, "labels": "$PAYLOAD"}),
    results("labels-huge", "sizes", data=lambda: {**DATA, "labels": {"background": 0, "a": 10**30}}),
    results("labels-regions", "wrong types", data=lambda: {**DATA, "labels": {"background": 0, "a": [1, 2]}, "regions_class_order": "12"}),
    results("channels-none", "wrong types", data=lambda: {**DATA, "channel_names": {}}),
    zipped("plain", contents, harmless=True),
    zipped("absolute", lambda: {str(decoy("made.txt")): b"x", **contents()}, harmless=True),
    zipped("outside", lambda: {"../../decoy/made.txt": b"x", **contents()}, harmless=True),
    zipped("only-outside", lambda: {f"../decoy/{name}": content for name, content in contents().items()}),
    zipped("backslashes", lambda: {f"..\\decoy\\{name}": content for name, content in contents().items()}),
    zipped("links", lambda: _without("configs/inference.json"), {"configs/inference.json": "../../decoy/secret.raw"}),
    zipped("bomb", lambda: {**contents(), "configs/inference.json": bytes(2**26)}),
    zipped("empty", dict),
    made("zip-garbage", "zip", lambda folder: written(folder, "tiny.zip", b"PK\x03\x04" + b"\xff" * 200)),
    made("nowhere", "names", lambda folder: folder / "nowhere"),
    made("name-with-null", "names", lambda folder: folder / "x\0y"),
    made("name-of-dots", "..", lambda folder: folder / ".."),
]  # fmt: skip
