"""Fine-tuning on a user's corrections: what is learned, what is kept, what is held out, and the model that comes of it.

Corrected cases are mixed with drawn ones of the task, which keep the old skill; a few of both are held out. The new model is the old one's form
with other weights, has a name of its own, and is written only with the figures of both models on what was held out.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.errors import InputError
from neurospineseg.inference.coarse_to_fine import NEAR_MM
from neurospineseg.models.bundle import Bundle, find_bundle, read_bundle
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.models.network import build_network, load_weights
from neurospineseg.models.weights import save_weights
from neurospineseg.pipeline.fine_tuning import DONE, LEAST_CASES, RUNNING, TuningProgress
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from neurospineseg.tasks.phantoms import drawn_tasks
from Training.datasets import corrections, synthetic
from Training.datasets.preparing import draw_split, prepare
from Training.datasets.raw_dataset import RawDataset, read_dataset, write_json
from Training.training.session import Session, train
from Training.training.tuning_figures import CaseScores, figures_of, in_words, scores_of
from Training.training.tuning_watch import TuningWatch

DRAWN, DRAWN_HELD_OUT, FIRST_SEED = 4, 2, 7001
PATCHES_PER_CASE, SHARE_OF_PATCH, MULTIPLE = 2, 0.75, 16
FEWEST_STEPS, MOST_STEPS = 80, 240
LEARNING_SHARE = 0.6
"""Of the time that was granted; the rest is for preparing and measuring."""
UNKNOWN_LOOK = 0.3
"""Mean Dice of the old model on what was corrected below which it does not know the look at all."""
GENTLE, STRONG = (3e-4, 0.5), (1e-3, 1.0)
"""Learning rate, and how far the new weights go from the old ones to the learned ones: half-way weights keep more of the old skill
(Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022), where there is some."""
MOST_JUDGED = 4
REACHED_BY_COARSE = 0.9
"""Share of the corrected voxels near which a coarse model must have found something, to look before the new model too."""


@dataclass(frozen=True)
class Tuning:
    """What is asked for.

    Attributes:
        corrections: the folder that the panel stores them in.
        model: name or folder of the model to begin with; ``name``: of the new one.
        models: folder that receives it; ``run``: folder of what is needed to go on.
        minutes: about how long it may take.
    """

    corrections: Path
    model: str
    name: str
    models: Path
    run: Path
    minutes: float = 10.0
    device: str = "auto"


def fine_tune(tuning: Tuning, listener: Callable[[str, float], None]) -> TuningProgress:
    """Runs to the end, or goes on where it was stopped; returns the progress with its figures.

    Raises:
        InputError: the corrections or the model cannot be used. ``TuningCanceled``: somebody wanted it to end.
    """
    start = find_bundle(tuning.model)
    if (tuning.models / tuning.name).exists():
        raise InputError(f"'{tuning.models}' holds a model '{tuning.name}' already; give the new one another name with --name.")
    tuning.run.mkdir(parents=True, exist_ok=True)
    told = TuningProgress(RUNNING, "", 0.0, None, start.spec.task, start.spec.name, tuning.name, str(tuning.corrections.resolve()))
    watch = TuningWatch(tuning.run, told, listener)
    watch.at("Preparing", 0.0)
    data = [_corrected(tuning, start), *_drawn(tuning, start)]
    watch.at("Preparing", 0.6)
    plan = _plan(tuning, start, data)
    begun = monotonic()
    old = _measured(tuning, start.folder, data, "old", watch, "Measuring the model as it is")
    watch.measuring_seconds = monotonic() - begun
    made = _trained(tuning, start, data, plan, watch)
    new = _measured(tuning, made.folder, data, "new", watch, "Measuring the new model")
    figures = [figures_of(before, after) for before, after in zip(old, new)]
    watch.progress = replace(watch.progress, corrected=figures[0], drawn=figures[1] if figures[1:] else None)
    _finish(tuning, start, made, data, watch.progress)
    watch.tell(state=DONE, fraction=1.0, seconds=0.0)
    return watch.progress


def _corrected(tuning: Tuning, start: Bundle) -> RawDataset:
    """The corrected cases as a data set; a fifth, one at least, is held out."""
    task = start.spec.task
    plan = corrections.plan(argparse.Namespace(source=tuning.corrections, task=task))
    if len(plan.cases) < LEAST_CASES:
        raise InputError(
            f"There are corrections of {len(plan.cases)} scans for {task}; correct and accept {LEAST_CASES} at least, one to learn from and one to judge by."
        )
    folder = tuning.run / "corrected"
    prepare(plan, folder, {"adapter": "corrections", "task": task}, lambda cases: draw_split(cases, None, None, 1))
    return read_dataset(folder)


def _drawn(tuning: Tuning, start: Bundle) -> list[RawDataset]:
    """Drawn cases of the task, where it can be drawn and the model knows what is drawn."""
    task, folder = start.spec.task, tuning.run / "drawn"
    if task not in drawn_tasks():
        return []
    plan = synthetic.plan(argparse.Namespace(source=task, cases=DRAWN + DRAWN_HELD_OUT, first_seed=FIRST_SEED))
    prepare(plan, folder, {"adapter": "synthetic", "task": task}, lambda cases: draw_split(cases, DRAWN, DRAWN_HELD_OUT, 1))
    return [read_dataset(folder)]


def _plan(tuning: Tuning, start: Bundle, data: list[RawDataset]) -> dict[str, object]:
    """How long and on what patches; decided once, so that a run that goes on has the same."""
    file = tuning.run / "plan.json"
    if not file.is_file():
        spec = start.spec
        patch = [size if size == 1 else max(MULTIPLE, MULTIPLE * round(SHARE_OF_PATCH * size / MULTIPLE)) for size in spec.patch]
        patch = [min(size, most) for size, most in zip(patch, spec.patch)]
        steps = min(MOST_STEPS, max(FEWEST_STEPS, int(60 * tuning.minutes * LEARNING_SHARE / _seconds_of_step(start, patch))))
        an_epoch = PATCHES_PER_CASE * sum(len(each.split.train) for each in data)
        rate, share = STRONG if _old_dice(tuning, start, data[0]) < UNKNOWN_LOOK else GENTLE
        write_json(
            file,
            {
                "patch": patch,
                "epochs": max(1, round(steps / an_epoch)),
                "learning_rate": rate,
                "share": share,
                "coarse": _coarse(tuning, start, data[0]),
            },
        )
    return json.loads(file.read_text(encoding="utf-8"))


def _old_dice(tuning: Tuning, start: Bundle, data: RawDataset) -> float:
    """What the old model reaches on some of the cases that teach; those that are held out decide nothing."""
    scores = scores_of(start.folder, data, data.split.train[:MOST_JUDGED], tuning.device, lambda fraction: None)
    return float(np.mean([np.mean(list(each.values())) for each in scores.values() if each] or [0.0]))


def _seconds_of_step(start: Bundle, patch: list[int]) -> float:
    """What one step of training takes here, from a second one: the first also readies torch."""
    sides = [size for axis, size in enumerate(patch) if axis != start.spec.slice_axis]
    network, image = build_network(start.network_def), torch.zeros(1, start.spec.inputs, *sides)
    for _ in range(2):
        begun = monotonic()
        network(image).sum().backward()
    return monotonic() - begun


def _coarse(tuning: Tuning, start: Bundle, data: RawDataset) -> str | None:
    """The coarse model that looks before the old one, if it finds what was corrected too."""
    if start.spec.coarse is None:
        return None
    segmenter = Segmenter(data.task, Settings(model=start.spec.coarse, device=tuning.device, force=True))
    near, whole = 0, 0
    for case in data.split.train:
        scans, labels = data.read(case)
        try:
            found = segmenter.run({channel: scan for channel, scan in scans.items() if scan.voxels.any()}).labels.voxels > 0
        except InputError:
            return None
        truth = (labels.voxels > 0) & (labels.voxels != (data.ignored or -1))
        reached = ndimage.distance_transform_edt(~found, sampling=labels.grid.spacing_kji) <= NEAR_MM if found.any() else found
        near, whole = near + int(np.count_nonzero(truth & reached)), whole + int(np.count_nonzero(truth))
    return start.spec.coarse if near >= REACHED_BY_COARSE * whole else None


def _measured(tuning: Tuning, bundle: Path, data: list[RawDataset], name: str, watch: TuningWatch, stage: str) -> list[CaseScores]:
    """Scores on what each data set holds out; those of the old model are kept for when the run goes on."""
    file = tuning.run / f"scores_{name}.json"
    if not file.is_file():
        scores: list[CaseScores] = []
        for number, each in enumerate(data):

            def told(fraction: float, number: int = number) -> None:
                watch.at(stage, (number + fraction) / len(data))

            scores.append(scores_of(bundle, each, each.split.named("val"), tuning.device, told))
        write_json(file, scores)
    return json.loads(file.read_text(encoding="utf-8"))


def _trained(tuning: Tuning, start: Bundle, data: list[RawDataset], plan: dict, watch: TuningWatch) -> Bundle:
    folder = tuning.run / "training"
    made = tuning.run / "models" / tuning.name
    if not made.is_dir():
        changes = [
            f"optimizer.learning_rate={plan['learning_rate']}",
            f"loop.epochs={plan['epochs']}",
            f"loop.patches_per_case={PATCHES_PER_CASE}",
            f"loop.patch={json.dumps(plan['patch'])}",
        ]
        watch.at("Learning", 0.0)
        session = Session(
            "corrections",
            tuning.run / "models",
            changes=changes,
            data=[each.folder for each in data],
            start=str(start.folder),
            name=tuning.name,
            run=folder,
            resume=(folder / "last.ckpt").is_file(),
            device=tuning.device,
            workers=0,
            callbacks=[watch],
        )
        train(session)
    return _blended(start, read_bundle(made), plan)


def _blended(start: Bundle, learned: Bundle, plan: dict) -> Bundle:
    """The learned weights, or ones on the way to them, beside the learned bundle; with the coarse model that was found to serve."""
    parent = learned.folder.parent / "blended"
    if not (parent / learned.spec.name).is_dir():
        old, new = (load_weights(build_network(each.network_def), each.weights).state_dict() for each in (start, learned))
        network = build_network(learned.network_def)
        network.load_state_dict({key: torch.lerp(old[key].float(), new[key].float(), plan["share"]) for key in new})
        spec = learned.spec.model_copy(update={"coarse": plan["coarse"]})
        with TemporaryDirectory() as folder:
            weights = Path(folder) / "model.pt"
            save_weights(network, weights)
            write_bundle(parent, spec, learned.network_def, weights)
    return read_bundle(parent / learned.spec.name)


def _finish(tuning: Tuning, start: Bundle, made: Bundle, data: list[RawDataset], progress: TuningProgress) -> None:
    """The new model with its card in its place."""
    corrected, drawn = progress.corrected, progress.drawn
    assert corrected is not None
    learned = len(data[0].split.train)
    measured = f"Dice {corrected.new:.2f} on {corrected.cases} corrected cases held out, {corrected.old:.2f} before"
    spec = made.spec.model_copy(
        update={
            "measured": measured,
            "trained_on": f"{start.spec.name}, then {learned} corrected cases",
            "preference": min(0, start.spec.preference) - 1,
        }
    )
    card = [
        f"# {spec.title}",
        "",
        "**Research only; not for clinical use.**",
        "",
        f"`{start.spec.name}` (version {start.spec.version}), fine-tuned on {learned} corrected cases of one user.",
        "",
        "## Old and new on what was held out",
        "",
        *in_words(corrected, "corrected cases that were held out"),
        "",
    ]
    if drawn is not None:
        card += [*in_words(drawn, "drawn cases of the look that the old model knew"), ""]
    card += ["So few cases say little; keep the old model and compare both on cases of yours.", ""]
    write_bundle(tuning.models, spec, made.network_def, made.weights, "\n".join(card))
    shutil.rmtree(tuning.run / "models", ignore_errors=True)
