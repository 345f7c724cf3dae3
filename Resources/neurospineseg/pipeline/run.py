"""One case on its way: checked, brought to the model's grid, predicted, put in order, written onto the scan's own grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neurospineseg.checks.head_mask import head_mask, tissue_region
from neurospineseg.checks.input_checks import check_overlaps
from neurospineseg.checks.input_plausibility import InputPlausibility, implausible_volumes, whole_labels
from neurospineseg.checks.scan_recognition import Recognizer
from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.agreement import volumes_ml
from neurospineseg.geometry.grid import Grid, straight_grid
from neurospineseg.geometry.region import Region
from neurospineseg.images.volume import Volume
from neurospineseg.inference.coarse_to_fine import box_around, near_structures
from neurospineseg.inference.from_model_grid import likely_part, to_scan_grid
from neurospineseg.inference.head_pose import Pose, find_head, locate_region
from neurospineseg.inference.onto_model_grid import to_model_grid
from neurospineseg.inference.uncertainty import UncertainRegion, uncertain_regions
from neurospineseg.models.bundle import Bundle, find_bundle
from neurospineseg.pipeline.accepted_scans import accepted_scans
from neurospineseg.pipeline.class_probabilities import ClassProbabilities
from neurospineseg.pipeline.scan_frame import ScanFrame
from neurospineseg.pipeline.settings import AUTOMATIC
from neurospineseg.pipeline.stages import Progress, Stage, StageWatch, no_progress
from neurospineseg.pipeline.structure_probabilities import structure_probabilities
from neurospineseg.pipeline.task_models import TaskModels
from neurospineseg.tasks.anatomy import Structure
from neurospineseg.tasks.class_scores import Postprocessed, postprocess, suppress
from neurospineseg.tasks.declarations import called
from neurospineseg.tasks.task import task_named

CONTEXT_MM = 24.0
CONTRAST_BUNDLE = "brain_contrast"


@dataclass(frozen=True)
class Part:
    """The part of the working grid that the model is given.

    Attributes:
        box: k, j, i; all of it where ``nowhere`` is None.
        nowhere: bool (K, J, I) of the box: where nothing may be found; None where anything may.
        mean: how likely what the coarse model found is, on average.
    """

    box: tuple[slice, slice, slice] = (slice(None),) * 3
    nowhere: np.ndarray | None = None
    mean: float = 1.0


class Run:
    """One case on its way through a segmenter, in the frame of the reference scan's own axes; what it gives lies in RAS.

    Args:
        scans: by channel.

    Attributes:
        task: what is segmented.
        scans: by channel, as they lie in ``frame``: checked, then aligned where that is asked for.
        reference: the channel of the scan whose grid the mask has.
        left_out: channels that the model is not given after all, see ``Task.hiding``.
        frame, given_affine: in which the run works; from (i, j, k) of the reference scan to RAS.
        region: in ``frame``, only inside it is anything segmented; None for everywhere. Known once the scans are checked.
        expected: what is expected of the scans; None where the model says nothing of it.
        watch: seconds by stage.
        warnings: sentences for the user, so far.
        implausible: those of them for which the scans or the result would have been refused.
        mask, uncertainty, uncertain_regions, structures: the result, in RAS, see ``SegmentationResult``; known when the run is over.
        ml: volume by label value.
        likely: probabilities by structure or class, in RAS, see ``structure_probabilities``; only where the result is to be measured.
        of_rules: what the rules of the task add to the record.
    """

    def __init__(self, segmenter: TaskModels, scans: Mapping[str, Volume], progress: Progress = no_progress) -> None:
        self.segmenter, self.bundle, self.settings = segmenter, segmenter.bundle, segmenter.settings
        self.task = task_named(segmenter.task)
        self.scans = dict(scans)
        self.frame, self.given_affine = ScanFrame(), Affine(np.eye(4))
        self.reference = ""
        self.left_out: tuple[str, ...] = ()
        self.region: Region | None = None
        self.expected: InputPlausibility | None = None
        self.watch = StageWatch(progress)
        self.warnings: list[str] = []
        self.implausible: list[str] = []
        self.mask: Volume | None = None
        self.uncertainty: np.ndarray | None = None
        self.uncertain_regions: list[UncertainRegion] = []
        self.structures: list[Structure] = []
        self.ml: dict[int, float] = {}
        self.likely: dict[str, Volume] = {}
        self.of_rules: dict[str, Any] = {}

    @property
    def reference_scan(self) -> Volume:
        return self.scans[self.reference]

    def finish(self) -> Volume:
        """The whole way, from the scans to the mask on the reference scan's grid."""
        classes = self.probabilities()
        done, grid = self.apply_rules(classes)
        if self.settings.measure:
            self.likely = structure_probabilities(classes, done, grid, self.bundle.spec, self.frame)
        return self.write(done, grid)

    def probabilities(self) -> ClassProbabilities:
        """The way to the model's answer, in the run's frame."""
        self.check()
        self.align()
        grid = self.working_grid()
        part = self.look_coarsely(grid) or self.look_again(grid)
        if part is None:
            return ClassProbabilities.of_nothing(len(self.bundle.spec.classes), grid, self.reference_scan.grid)
        return self.predict(grid, part)

    def accept(self) -> None:
        """Takes the scans that the model can use; repairs what is harmless.

        Raises:
            InputError: one cannot be used or is missing.
        """
        self.watch.start(Stage.CHECKING)
        accepted = accepted_scans(self.scans, self.bundle.spec, self.task)
        self.reference, self.given_affine = accepted.reference, accepted.scans[accepted.reference].affine
        self.frame = ScanFrame.of(accepted.scans[accepted.reference].grid)
        self.scans = self.frame.within(accepted.scans)
        self.warnings += accepted.warnings

    def check(self) -> None:
        """Accepts the scans, settles the region, and judges each scan by itself."""
        self.accept()
        self.region = self.chosen_region()
        if self.region is not None:
            self.region.part_of(self.reference_scan.grid, 0.0)
        self.expected = self.expectations()
        if self.expected is not None:
            self.refuse_or_warn(self.expected.implausible_scans(self.scans))

    def chosen_region(self) -> Region | None:
        """The user's region; an automatic one is found here, unless the model looks for its own."""
        if self.settings.region != AUTOMATIC:
            return None if self.settings.region is None else self.frame.region_within(self.settings.region)
        return None if self.bundle.spec.locator is not None else self.tissue_region()

    def align(self) -> None:
        """Registers the scans where that is asked for, then judges them together."""
        if self.settings.register:
            from neurospineseg.inference.registration import register_rigid

            self.watch.start(Stage.REGISTERING)
            others = [name for name in self.scans if name != self.reference]
            for number, name in enumerate(others):
                self.scans[name] = register_rigid(self.reference_scan, self.scans[name])
                self.watch.progress(Stage.REGISTERING, (number + 1) / len(others))
        self.warnings += check_overlaps(self.scans, self.reference)
        if self.expected is not None:
            self.watch.start(Stage.CHECKING)
            self.refuse_or_warn(self.expected.implausible_contrasts(self.scans))
            self.warnings += self.expected.notes

    def judge(self) -> None:
        """Accepts the scans and judges them, each by itself and together, without aligning them."""
        self.accept()
        self.region = self.chosen_region()
        self.expected = self.expectations()
        if self.expected is not None:
            self.refuse_or_warn(self.expected.implausible_scans(self.scans) + self.expected.implausible_contrasts(self.scans))
            self.warnings += self.expected.notes

    def expectations(self) -> InputPlausibility | None:
        """What is expected of the scans; None where the model says nothing of it or what tells it is damaged."""
        name = self.bundle.spec.recognizer
        if name is None:
            return None
        try:
            locator, contrast = find_bundle(name), find_bundle(CONTRAST_BUNDLE)
            self.segmenter.network(locator)
            known = (contrast, self.segmenter.network(contrast).cpu())
        except InputError as error:
            self.warnings.append(f"What the scans show was not checked: {error}")
            return None
        recognizer = Recognizer(locator, lambda image: self.scores(locator, image, Stage.CHECKING), known)
        return InputPlausibility(self.task, self.reference, recognizer, self.region is not None)

    def refuse_or_warn(self, sentences: Sequence[str]) -> None:
        """Raises ImplausibleInput, or adds the sentences to the warnings where the user wants the result anyway."""
        if sentences and not self.settings.force:
            raise ImplausibleInput(" ".join(sentences))
        self.warnings += sentences
        self.implausible += sentences

    def working_grid(self) -> Grid:
        """The grid that the model works on: what its locator finds, or the scan's or region's own extent."""
        spec, scan_grid = self.bundle.spec, self.reference_scan.grid
        if spec.locator is not None:
            head = None if self.expected is None else self.expected.head
            return self.located(head.pose if head is not None and spec.recognizer == spec.locator else None)
        part = scan_grid if self.region is None else self.region.part_of(scan_grid, CONTEXT_MM)
        return straight_grid(part, np.array(spec.spacing))

    def located(self, known: Pose | None) -> Grid:
        """The grid around the region that the model's locator finds, from the head's pose where that is known."""
        spec = self.bundle.spec
        if spec.locator is None or spec.region_mm is None:
            raise InputError(f"The model '{spec.name}' does not say how its region is found; install it again.")
        locator = find_bundle(spec.locator)
        self.watch.start(Stage.FINDING_REGION)
        pose = find_head(
            self.scans,
            self.reference_scan.grid,
            locator.spec,
            lambda image: self.scores(locator, image, Stage.FINDING_REGION),
            known,
        )
        return locate_region(pose, spec.region_mm, spec.spacing[0])

    def tissue_region(self) -> Region:
        """All that is not air."""
        self.watch.start(Stage.FINDING_REGION)
        return tissue_region(self.reference, self.reference_scan)

    @property
    def shown(self) -> dict[str, Volume]:
        """The scans that the model is given."""
        return {name: scan for name, scan in self.scans.items() if name not in self.left_out}

    def look_again(self, grid: Grid) -> Part | None:
        """Where the coarse model finds anything that is likely without the scans in which it may hide; None where it does not or needs them."""
        hiding, spec = self.task.hiding, self.bundle.spec
        left_out = () if hiding is None or not spec.optional_channels else tuple(name for name in hiding.channels if name in self.scans)
        others = self.scans.keys() - left_out
        if hiding is None or not left_out or not others or not others.issuperset(spec.advised_channels):
            return None
        self.left_out = left_out
        part = self.look_coarsely(grid)
        if part is not None and part.mean >= hiding.least_mean:
            return part
        self.left_out = ()
        if part is not None:
            them = ", ".join(left_out)
            self.warnings.append(
                f"Without {them} something is seen, but too faintly to be kept ({part.mean:.0%}); leave {them} out to look at it."
            )
        return None

    def look_coarsely(self, grid: Grid) -> Part | None:
        """Where the coarse model finds anything; everywhere where there is none, None where it finds nothing."""
        coarse = self.segmenter.coarse
        if coarse is None:
            return Part()
        self.watch.start(Stage.RESAMPLING)
        coarse_grid = straight_grid(grid, np.array(coarse.spec.spacing))
        image = to_model_grid(self.shown, coarse_grid, coarse.spec)
        near, mean = near_structures(self.scores(coarse, image, Stage.FINDING_REGION), coarse_grid, coarse.spec, grid)
        sides = box_around(near, self.bundle.spec, CONTEXT_MM)
        if sides is None:
            return None
        box = (slice(*sides[0]), slice(*sides[1]), slice(*sides[2]))
        return Part(box, ~near[box].numpy(), mean)

    def predict(self, grid: Grid, part: Part) -> ClassProbabilities:
        """The model's probabilities in a part of the working grid; the background where nothing may be found."""
        spec = self.bundle.spec
        self.watch.start(Stage.RESAMPLING)
        image = to_model_grid(self.shown, grid, spec, part.box)
        if part.nowhere is not None:
            grid = grid.crop(*zip(*((side.start, side.stop) for side in part.box)))
        values = self.scores(self.bundle, image, Stage.SEGMENTING)
        self.watch.start(Stage.APPLYING_ANATOMY)
        nowhere = part.nowhere
        if self.task.notes is not None:
            self.warnings += called(self.task.notes)(image, values, spec)
        if self.task.fit is not None:
            values = called(self.task.fit)(image, values, grid, spec)
        if self.task.only_in_head:
            air = ~head_mask(self.scans, grid)
            nowhere = air if nowhere is None else nowhere | air
        if nowhere is not None:
            values = values.clone()
            for channel in range(1, len(spec.classes)):
                suppress(values, channel, nowhere)
        return ClassProbabilities(values, grid, self.reference_scan.grid)

    def scores(self, bundle: Bundle, image: torch.Tensor, stage: Stage) -> torch.Tensor:
        """A model's softmax probabilities (C, K, J, I) of an image (C', K, J, I)."""
        self.watch.start(stage)
        values, notes = self.segmenter.predict(bundle, image, lambda fraction: self.watch.progress(stage, fraction))
        self.warnings += [note for note in notes if note not in self.warnings]
        return values

    def apply_rules(self, classes: ClassProbabilities) -> tuple[Postprocessed, Grid]:
        """What anatomy demands, in the part of the grid where anything is likely."""
        self.watch.start(Stage.APPLYING_ANATOMY)
        likely, grid, _ = likely_part(classes.values, classes.grid)
        done = postprocess(likely.clone(), grid, self.bundle.spec)
        self.warnings += done.notes
        self.of_rules = done.record
        return done, grid

    def write(self, done: Postprocessed, grid: Grid) -> Volume:
        """Draws the mask on the reference scan's grid, and says what it holds."""
        self.watch.start(Stage.WRITING_MASK)
        labels = self.draw(done, grid)
        if self.settings.uncertainty:
            inside = None if self.region is None else self.region.contains(grid)
            asked = None if self.settings.structures is None else {structure.label for structure in self.segmenter.sought}
            places = uncertain_regions(done.probabilities, done.channels, grid, inside, asked)
            self.uncertain_regions = [self.frame.uncertain_in_ras(place) for place in places]
        self.mask = Volume(labels, self.given_affine)
        self.ml = volumes_ml(labels, self.reference_scan.grid)
        self.judge_result(done.structures, labels)
        self.structures = [structure for structure in sorted(done.structures, key=lambda s: s.label) if structure.label in self.ml]
        self.watch.stop()
        self.warn_of_missing()
        self.warn_of_left_out()
        return self.mask

    def draw(self, done: Postprocessed, grid: Grid) -> np.ndarray:
        """The label map, uint16 (K, J, I) on the reference scan's grid; the uncertainty beside it where that is asked for."""
        scan_grid, asked = self.reference_scan.grid, self.settings.structures
        keep = None if asked is None else {structure.label for structure in done.structures if structure.key in asked}
        uncertainty = np.zeros(scan_grid.shape, np.uint8) if self.settings.uncertainty else None
        labels = to_scan_grid(done.probabilities, done.channels, grid, scan_grid, keep, uncertainty)
        if self.region is not None:
            outside = ~self.region.contains(scan_grid)
            labels[outside] = 0
            if uncertainty is not None:
                uncertainty[outside] = 0
        self.uncertainty = uncertainty
        return labels

    def judge_result(self, structures: Sequence[Structure], labels: np.ndarray) -> None:
        """Refuses a result that cannot be, or warns of it, where the whole scan was looked at by a model that tells what scans show."""
        if self.bundle.spec.recognizer is None or self.region is not None:
            return
        uncut = whole_labels(labels, self.ml) if self.task.plausible.ml else set()
        ml = {structure.key: self.ml[structure.label] for structure in structures if structure.label in self.ml}
        odd = implausible_volumes(self.task, ml, [structure.key for structure in structures if structure.label in uncut])
        self.refuse_or_warn([odd] if odd else [])

    def warn_of_missing(self) -> None:
        missing = [key for key in self.settings.structures or () if key not in {structure.key for structure in self.structures}]
        if missing:
            self.warnings.append(f"Asked for but not found in this scan: {', '.join(missing)}.")
        elif not self.structures:
            self.warnings.append("Nothing was found in this scan; check that it shows the anatomy and that the right model was chosen.")

    def warn_of_left_out(self) -> None:
        if self.left_out and self.structures:
            them, others = (", ".join(names) for names in (self.left_out, [name for name in self.scans if name not in self.left_out]))
            self.warnings.append(
                f"Nothing was found while {them} was among the scans, in which a structure may look like its surroundings, "
                f"so the result is from {others} alone; look at it closely."
            )
