"""From a recipe and data to a bundle: one training, from its beginning or its last checkpoint to its end."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from pydantic import ValidationError
from torch.utils.data import DataLoader, Dataset

from neurospineseg.errors import InputError
from neurospineseg.inference.device import choose_device, choose_precision
from neurospineseg.models.bundle import Bundle, ModelSpec, find_bundle
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.models.channel_norm import with_channel_norms
from neurospineseg.models.network import build_network, load_weights
from neurospineseg.models.weights import save_weights
from neurospineseg.tasks.class_scores import check_classes
from Training.datasets.raw_dataset import RawDataset, read_dataset, write_json
from Training.training.card import card_text
from Training.training.curves import draw_curves, read_log
from Training.training.examples import Drawn, EpochBatches, Kept, Patches
from Training.training.nested_regions import take_over
from Training.training.network_shape import model_spec, network_def
from Training.training.recipe import Loss, Recipe, read_recipe
from Training.training.segmentation_training import SegmentationTraining
from Training.training.working_cases import median_spacing, working_cases

logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
for noise in (
    "Checkpoint directory",
    "The number of training batches",
    ".*LeafSpec",
    ".*does not have many workers",
    ".*all_gather is deprecated",
):
    warnings.filterwarnings("ignore", noise)

torch.utils.deterministic.fill_uninitialized_memory = False  # it costs time and finds faults of torch only

EXAMPLES = "Training.synthetic.examples"
RUNS = Path(__file__).resolve().parent.parent / "runs"


@dataclass(frozen=True)
class Session:
    """What ``train.py`` was asked for; see its ``--help``."""

    recipe: str
    models: Path
    changes: Sequence[str] = ()
    data: Sequence[Path] = ()
    start: str | None = None
    weights: str | None = None
    name: str | None = None
    run: Path | None = None
    resume: bool = False
    device: str = "auto"
    devices: int = 1
    workers: int = 1
    minutes: float | None = None
    callbacks: Sequence[Callback] = ()


def train(session: Session) -> Path | None:
    """Trains and writes the bundle.

    Returns:
        The bundle's folder; None in the processes of a distributed training that do not write it.

    Raises:
        InputError: the recipe, the data or the device cannot be used; the message says why.
    """
    start = find_bundle(session.start) if session.start is not None else None
    recipe = _recipe(session, start)
    data = [read_dataset(folder) for folder in session.data]
    _check(recipe, data)
    spec, definition = _model(recipe, data, start)
    if spec.role == "segment":
        check_classes(spec.task, spec.classes)
    run = session.run or RUNS / recipe.name
    last = run / "last.ckpt"
    if last.is_file() and not session.resume:
        raise InputError(f"'{run}' holds a training already; give --resume to go on with it, or another folder with --folder.")
    if (session.models / recipe.name).exists() and not session.resume:
        raise InputError(
            f"'{session.models}' holds a model '{recipe.name}' already; give the new one another name with --name, or remove the old one."
        )
    if last.is_file() and (run / "recipe.json").is_file():
        _check_same(recipe, run / "recipe.json")
    run.mkdir(parents=True, exist_ok=True)

    seed_everything(recipe.loop.seed, verbose=False)
    network = build_network(definition)
    _check_fits(definition, spec)
    if start is not None:
        load_weights(network, start.weights).train()
    elif session.weights is not None:
        _begin_with(network, find_bundle(session.weights), spec)
    examples = Examples(recipe, spec, data, session.workers)
    epochs = recipe.loop.epochs
    steps = epochs * len(EpochBatches(examples.count, recipe.loop.batch, 0, world=_world(session)))
    training = SegmentationTraining(network, recipe, spec, examples.count, steps)
    trainer = _trainer(session, recipe, run)
    if trainer.is_global_zero:
        write_json(run / "recipe.json", recipe.model_dump(mode="json"))
    try:
        trainer.fit(training, examples, ckpt_path=last if session.resume and last.is_file() else None)
    except SystemExit as ended:  # what Lightning makes of Ctrl+C
        if trainer.interrupted:
            raise KeyboardInterrupt from ended
        raise
    if not trainer.is_global_zero:
        return None
    return _finish(recipe, spec, definition, data, examples, training, trainer, run, session.models)


def _begin_with(network: torch.nn.Module, former: Bundle, spec: ModelSpec) -> None:
    """Gives the network a bundle's weights; one of classes may begin one of nested regions of them."""
    if spec.nested and not former.spec.nested and former.spec.classes == spec.classes:
        classes = load_weights(build_network(former.network_def), former.weights)
        take_over(network, classes, [spec.classes.index(name) for name in spec.nested])
        with_channel_norms(network).train()
    else:
        load_weights(network, former.weights).train()


def _recipe(session: Session, start: Bundle | None) -> Recipe:
    changes = list(session.changes)
    if start is not None:
        fixed = next((change for change in changes if change.split("=")[0].split(".")[0].strip() in ("task", "model", "network")), None)
        if fixed is not None:
            raise InputError(f"'{fixed}' has no effect with --from, which takes task, model and network as they are; leave it out.")
        changes += [f"{key}={value}" for key, value in _taken_over(start.spec).items()]
        changes.append(f"name={json.dumps(session.name or start.spec.name + '_tuned')}")
    elif session.name is not None:
        changes.append(f"name={json.dumps(session.name)}")
    return read_recipe(session.recipe, changes)


def _taken_over(spec: ModelSpec) -> dict[str, Any]:
    """What of a recipe follows from the model that it goes on from."""
    shape = {"model.patch": list(spec.patch), "model.slices": spec.slices, "model.slice_axis": json.dumps(spec.slice_axis)}
    return {"task": spec.task, **shape}


def _check(recipe: Recipe, data: Sequence[RawDataset]) -> None:
    if recipe.drawn is None and not data:
        raise InputError(f"The recipe '{recipe.name}' needs a prepared data set; give its folder with --data.")
    if recipe.drawn is not None and data:
        raise InputError(f"The recipe '{recipe.name}' draws its examples; leave out --data, or choose a recipe for data sets.")
    for each in data:
        if each.task != recipe.task:
            raise InputError(f"'{each.folder.name}' is a data set for {each.task}, the recipe '{recipe.name}' is for {recipe.task}.")
        each.split.named("train")
        each.split.named("val")


def _check_same(recipe: Recipe, file: Path) -> None:
    """Refuses to go on with a training under a recipe that differs in more than when to end.

    What recipes have learned to say since it began counts as said by default, and former words as today's.
    """
    stored = json.loads(file.read_text(encoding="utf-8"))
    try:
        stored = Recipe.model_validate(stored).model_dump(mode="json")
    except ValidationError:
        pass  # then some key differs, and is named below
    former, now = _flat(stored), _flat(recipe.model_dump(mode="json"))
    changed = next(
        (key for key in {**former, **now} if former.get(key) != now.get(key) and key not in ("loop.epochs", "loop.patience")), None
    )
    if changed is not None:
        raise InputError(
            f"The training in '{file.parent}' has {changed}={former.get(changed)}, not {now.get(changed)}; go on with the same, or give another --folder."
        )


def _flat(recipe: dict[str, Any]) -> dict[str, Any]:
    flat = {}
    for part, value in recipe.items():
        flat |= {f"{part}.{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {part: value}
    return flat


def _check_fits(definition: dict[str, Any], spec: ModelSpec) -> None:
    """Refuses a patch that the network cannot halve as often as it does; computed without memory or time."""
    size = [n for axis, n in enumerate(spec.patch) if axis != spec.slice_axis]
    try:
        with torch.device("meta"), torch.no_grad():
            scores = build_network(definition)(torch.zeros(2, spec.inputs, *size))
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(
            f"The network takes no patches of {' x '.join(map(str, size))} voxels; change network.n_levels, or model.patch to multiples of a higher power of 2."
        ) from error
    if scores.shape[2:] != tuple(size):
        raise InputError(
            f"The network gives {' x '.join(map(str, scores.shape[2:]))} voxels for patches of {' x '.join(map(str, size))}; change model.patch."
        )


def _model(recipe: Recipe, data: Sequence[RawDataset], start: Bundle | None) -> tuple[ModelSpec, dict[str, Any]]:
    if start is not None:
        description = f"{start.spec.name}, then cases of one's own"
        spec = start.spec.model_copy(
            update={"name": recipe.name, "title": f"{start.spec.title} (tuned)", "measured": "", "preference": 0, "coarse": None}
        )
        return spec.model_copy(update={"trained_on": description}), start.network_def
    if not data:
        spec = model_spec(recipe, (), (), ())
    else:
        first = data[0]
        classes = list(dict.fromkeys(name for each in data for name in each.classes))
        spacing = recipe.model.spacing or median_spacing(first, first.split.train)
        spec = model_spec(recipe, first.channels, classes, spacing)
        if not spec.trained_on:
            count = sum(len(each.split.train) for each in data)
            spec = spec.model_copy(update={"trained_on": f"{count} cases of {' and '.join(each.folder.name for each in data)}"})
    return spec, network_def(recipe, spec)


class Examples(LightningDataModule):
    """The recipe's examples; cases go onto the working grid in one process while the others wait."""

    def __init__(self, recipe: Recipe, spec: ModelSpec, data: Sequence[RawDataset], workers: int) -> None:
        super().__init__()
        self.recipe, self.spec, self.raw, self.workers = recipe, spec, data, workers
        self.cases = tuple(sum(len(each.split.named(part)) for each in data) for part in ("train", "val")) if data else (0, 0)
        loop = recipe.loop
        self.count = self.cases[0] * loop.patches_per_case if data else loop.steps_per_epoch * loop.batch
        if recipe.drawn is not None:
            self.source = drawn_source(recipe, spec)

    def prepare_data(self) -> None:
        for each in self.raw:
            working_cases(each, each.split.train + each.split.val, self.spec)

    def _part(self, part: str) -> Dataset:
        if not self.raw:
            loop = self.recipe.loop
            if part == "train":
                return Drawn(self.source, self.count, loop.seed)
            source = drawn_source(self.recipe, self.spec)
            return Kept(Drawn(getattr(source, "kept_aside", source), loop.validation_examples, loop.seed))
        cases = [case for each in self.raw for case in working_cases(each, each.split.named(part), self.spec)]
        return Patches(cases, self.spec, self.recipe, augment=part == "train")

    def _loader(self, part: str, shuffle: bool) -> DataLoader:
        dataset, loop = self._part(part), self.recipe.loop
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
        batches = EpochBatches(len(dataset), loop.batch, loop.seed, rank, world, shuffle)
        if self.trainer is not None:  # which tells the first epoch of a resumed training only after its examples were asked for
            batches.set_epoch(self.trainer.fit_loop.epoch_progress.current.processed)
        return DataLoader(
            dataset,
            batch_sampler=batches,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            multiprocessing_context="fork" if self.workers and sys.platform == "linux" else None,
            worker_init_fn=_one_thread,
        )

    def train_dataloader(self) -> DataLoader:
        return self._loader("train", True)

    def val_dataloader(self) -> DataLoader:
        return self._loader("val", False)


def drawn_source(recipe: Recipe, spec: ModelSpec) -> Any:
    """What draws a recipe's examples.

    Raises:
        InputError: nothing does, it draws them at another spacing or size, or it knows no such parameter.
    """
    name = recipe.drawn
    try:
        module = importlib.import_module(f"{EXAMPLES}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{EXAMPLES}.{name}":
            raise
        raise InputError(
            f"Nothing draws '{name}'; the recipe's key drawn names a file of Resources/Training/synthetic/examples."
        ) from error
    spacing, patch = getattr(module, "SPACING", None), getattr(module, "PATCH", None)
    if spacing is not None and set(spec.spacing) != {spacing}:
        raise InputError(f"The examples of '{name}' are drawn at {spacing:g} mm; leave model.spacing as it is.")
    if isinstance(patch, tuple) and spec.patch != patch:
        raise InputError(f"The examples of '{name}' are drawn as patches of {list(patch)}; leave model.patch as it is.")
    known = list(signature(module.Examples).parameters)[1:]
    unknown = next((key for key in recipe.drawing if key not in known), None)
    if unknown is not None:
        raise InputError(f"What draws '{name}' knows no drawing.{unknown}; it knows {', '.join(known) or 'no parameters'}.")
    return module.Examples(spec, **recipe.drawing)


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


class Deadline(Callback):
    """Ends a training after the first epoch that lasts beyond ``minutes`` from this start of it."""

    def __init__(self, minutes: float) -> None:
        self.end = monotonic() + 60 * minutes

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        if trainer.strategy.reduce_boolean_decision(monotonic() > self.end, all=False):
            trainer.should_stop = True


def _world(session: Session) -> int:
    return int(os.environ.get("WORLD_SIZE", session.devices))


def _trainer(session: Session, recipe: Recipe, run: Path) -> Trainer:
    device, loop = choose_device(session.device), recipe.loop
    local = int(os.environ.get("LOCAL_WORLD_SIZE", session.devices))
    wanted = {"auto": choose_precision(device), "32": torch.float32, "bf16": torch.bfloat16}[loop.precision]
    stops = [EarlyStopping("val_dice", mode="max", patience=loop.patience)] if loop.patience else []
    return Trainer(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        devices=local,
        num_nodes=_world(session) // local,
        strategy="ddp" if _world(session) > 1 else "auto",
        use_distributed_sampler=False,
        max_epochs=loop.epochs,
        precision="bf16-mixed" if wanted is torch.bfloat16 else "32-true",
        gradient_clip_val=recipe.optimizer.clip,
        deterministic="warn" if device.type == "cuda" else True,
        logger=[CSVLogger(run, name="logs"), TensorBoardLogger(run, name="tensorboard")],
        log_every_n_steps=20,
        num_sanity_val_steps=0,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        callbacks=[
            ModelCheckpoint(run, filename="best", monitor="val_dice", mode="max", enable_version_counter=False),
            ModelCheckpoint(run, filename="last", enable_version_counter=False),
            *stops,
            *([EMAWeightAveraging(decay=loop.averaging)] if loop.averaging else []),
            *([Deadline(session.minutes)] if session.minutes else []),
            *session.callbacks,
        ],
    )


def _finish(
    recipe: Recipe,
    spec: ModelSpec,
    definition: dict[str, Any],
    data: Sequence[RawDataset],
    examples: Examples,
    training: SegmentationTraining,
    trainer: Trainer,
    run: Path,
    models: Path,
) -> Path:
    """Curves, the bundle with the weights of the best epoch, and its card."""
    table = read_log(run / "logs")
    draw_curves(table, run / "curves.png", recipe.title or recipe.name)
    best = torch.load(run / f"{recipe.loop.keep}.ckpt", map_location="cpu", weights_only=True)["state_dict"]
    network = build_network(definition)
    network.load_state_dict({key.removeprefix("network."): value for key, value in best.items() if key.startswith("network.")})
    logit_adjustment(network, recipe.loss)
    on = f"patches of the {examples.cases[1]} cases" if data else "the drawn examples"
    if recipe.loop.keep == "best":
        spec = spec.model_copy(
            update={"measured": f"Dice {max(table['val_dice'].values()):.2f} on {on} that its best epoch was chosen with"}
        )
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "model.pt"
        save_weights(network, weights)
        sources = [spec.trained_on] if recipe.drawn else [f"the data set '{each.folder.name}'" for each in data]
        return write_bundle(models, spec, definition, weights, card_text(spec, recipe, sources, examples.cases, table))


def logit_adjustment(network: torch.nn.Module, loss: Loss) -> None:
    """Takes a share of the class weights back out of a DynUNet's last layer, so that small classes are not overdrawn.

    Cross-entropy with weights w teaches scores that are too high by log w.
    """
    if loss.logit_adjustment and loss.class_weights is not None:
        with torch.no_grad():
            network.output_block.conv.conv.bias -= loss.logit_adjustment * torch.tensor(loss.class_weights).log()
