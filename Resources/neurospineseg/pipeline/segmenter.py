"""The way of a scan: one affine in, the network, what anatomy demands, one affine out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from neurospineseg.checks.head_mask import head_mask
from neurospineseg.checks.input_checks import check_field_of_view, check_overlaps, repaired
from neurospineseg.checks.input_plausibility import Expectations, implausible, whole_labels
from neurospineseg.checks.scan_recognition import Recognizer
from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.geometry.agreement import volumes_ml
from neurospineseg.geometry.grid import Grid, covering_grid, straight_grid
from neurospineseg.geometry.region import Region
from neurospineseg.images.volume import Volume
from neurospineseg.inference.coarse_to_fine import box_around, coarse_bundle, near_found
from neurospineseg.inference.device import choose_device, choose_precision
from neurospineseg.inference.from_model_grid import likely_part, to_scan_grid
from neurospineseg.inference.head_pose import Pose, find_head, locate_region
from neurospineseg.inference.onto_model_grid import to_model_grid
from neurospineseg.inference.predict import predict
from neurospineseg.inference.uncertainty import UncertainRegion, uncertain_regions
from neurospineseg.models.bundle import Bundle, Task, find_bundle, installed_bundles
from neurospineseg.models.network import build_to_run, load_weights
from neurospineseg.pipeline.run_record import run_record
from neurospineseg.pipeline.stages import Progress, StageWatch
from neurospineseg.tasks.anatomy import Structure, structures_of, structures_of_classes
from neurospineseg.tasks.class_scores import OutputChannel, postprocess, suppress
from neurospineseg.tasks.subcortical.rules import contrast_notes

CONTEXT_MM = 24.0
TISSUE_SPACING_MM = 4.0
CONTRAST_BUNDLE = "brain_contrast"


@dataclass(frozen=True)
class Settings:
    """What the user chose.

    Attributes:
        model: bundle name or folder; None for the task's default.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        structures: keys of the structures to keep; None for all.
        region: only inside it is anything segmented; None for the whole scan.
        register: whether modalities are first aligned rigidly to the reference scan.
        force: whether scans and results that the model's recognizer doubts are warned of instead of refused.
    """

    model: str | None = None
    device: str = "auto"
    structures: tuple[str, ...] | None = None
    region: Region | None = None
    register: bool = False
    force: bool = False


@dataclass(frozen=True)
class Result:
    """What a run gives.

    Attributes:
        labels: uint16 label map on the reference scan's own grid.
        structures: those present in ``labels``, in the order of their labels.
        report: the JSON sidecar (model, device, versions, settings, volumes in mL, seconds per stage, warnings).
        warnings: sentences for the user.
        uncertainty: uint8 (K, J, I) on the reference scan's grid, 255 where two outcomes are equally likely; None unless asked for.
        doubtful: where to look first, the most uncertain first; empty unless asked for.
    """

    labels: Volume
    structures: list[Structure]
    report: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    uncertainty: np.ndarray | None = None
    doubtful: list[UncertainRegion] = field(default_factory=list)


class Segmenter:
    """Segments scans of one task; keeps its networks loaded between runs.

    Args:
        task: ``tumor``, ``spine`` or ``subcortical``.
        settings: see ``Settings``.
        networks: loaded networks by bundle name, to share them between segmenters.

    Raises:
        InputError: the model, the device or a structure is not there.
    """

    def __init__(self, task: Task, settings: Settings = Settings(), networks: dict[str, torch.nn.Module] | None = None) -> None:
        self.task, self.settings = task, settings
        self.bundle = _chosen_bundle(task, settings.model)
        self.coarse = coarse_bundle(self.bundle)
        self.device = choose_device(settings.device)
        self.precision = choose_precision(self.device)
        self._networks = {} if networks is None else networks
        known = {structure.key for structure in structures_of(task)}
        unknown = [key for key in settings.structures or () if key not in known]
        if unknown:
            raise InputError(f"There is no structure '{unknown[0]}' in {task}; choose among {', '.join(sorted(known))}.")

    @property
    def sought(self) -> list[Structure]:
        """Every structure that a run may mark: those of the model's classes that were asked for."""
        asked = self.settings.structures
        return [found for found in structures_of_classes(self.task, self.bundle.spec.classes) if asked is None or found.key in asked]

    def network(self, bundle: Bundle) -> torch.nn.Module:
        """The bundle's network with its weights, loaded once."""
        if bundle.spec.name not in self._networks:
            self._networks[bundle.spec.name] = load_weights(build_to_run(bundle.network_def), bundle.weights)
        return self._networks[bundle.spec.name]

    def run(self, volumes: Mapping[str, Volume], progress: Progress = lambda stage, fraction: None, doubts: bool = False) -> Result:
        """Segments one case.

        Args:
            volumes: one scan per modality (``t1c``, ``t1``, ``t2``, ``flair`` for tumor; ``image`` otherwise);
                the first of the model's channels that is given is the reference, whose grid the result has.
            progress: called with a stage's name and the fraction of it that is done; an exception from it cancels.
            doubts: whether the result also says where the model is uncertain.

        Raises:
            InputError: a scan cannot be used; the message says why and what to do. ``ImplausibleInput``: it can, with ``Settings.force``.
        """
        watch, warnings = StageWatch(progress), []
        volumes, reference_name, working, probabilities = self._probabilities(volumes, watch, warnings)
        reference = volumes[reference_name]
        probabilities, working, _ = likely_part(probabilities, working)
        done = postprocess(probabilities.clone(), working, self.bundle.spec)
        del probabilities
        warnings += done.notes
        watch.start("Writing onto the scan's grid")
        keep = None
        if self.settings.structures is not None:
            keep = {structure.label for structure in done.structures if structure.key in self.settings.structures}
        doubt = np.zeros(reference.shape, np.uint8) if doubts else None
        labels = to_scan_grid(done.probabilities, done.channels, working, reference.grid, keep, doubt)
        region = self.settings.region
        if region is not None:
            outside = ~region.contains(reference.grid)
            labels[outside] = 0
            if doubt is not None:
                doubt[outside] = 0
        places = []
        if doubts:
            asked = None if self.settings.structures is None else {structure.label for structure in self.sought}
            places = uncertain_regions(done.probabilities, done.channels, working, region and region.contains(working), asked)
        mask = Volume(labels, reference.ijk_to_ras)
        volumes_by_label = volumes_ml(labels, reference.grid)
        if self.bundle.spec.recognizer is not None and region is None:
            whole = set(volumes_by_label) if self.task == "tumor" else whole_labels(labels, volumes_by_label)
            odd = implausible(self.task, {s.key: volumes_by_label[s.label] for s in done.structures if s.label in whole})
            self._doubt([odd] if odd else [], warnings)
        present = [structure for structure in sorted(done.structures, key=lambda s: s.label) if structure.label in volumes_by_label]
        watch.stop()
        missing = [key for key in self.settings.structures or () if key not in {structure.key for structure in present}]
        if missing:
            warnings.append(f"Asked for but not found in this scan: {', '.join(missing)}.")
        if not present and not missing:
            warnings.append("Nothing was found in this scan; check that it shows the anatomy and that the right model was chosen.")
        settings = {**asdict(self.settings), "region": region and region.as_lists()}
        report = run_record(
            self.bundle,
            str(self.device),
            str(self.precision),
            settings,
            volumes,
            reference_name,
            present,
            volumes_by_label,
            watch.seconds,
            warnings,
            self.coarse,
        )
        return Result(mask, present, report, warnings, doubt, places)

    def check(self, volumes: Mapping[str, Volume]) -> list[str]:
        """Judges scans as ``run`` does before it segments them; returns what the user should know.

        Raises:
            InputError: a scan cannot be used. ``ImplausibleInput``: it can, with ``Settings.force``.
        """
        checked, reference_name, warnings = self._checked(volumes)
        expected = self._expectations(reference_name, StageWatch(), warnings)
        if expected is not None:
            self._doubt(expected.doubts_of_scans(checked) + expected.doubts_of_contrasts(checked), warnings)
            warnings += expected.notes
        return warnings

    def class_map(self, volumes: Mapping[str, Volume]) -> Volume:
        """Where each of the model's own classes is the likeliest, before they become structures.

        Returns:
            uint16 on the reference scan's grid, numbers of ``bundle.spec.classes``.

        Raises:
            InputError: a scan cannot be used; the message says why.
        """
        watch = StageWatch()
        volumes, reference_name, working, probabilities = self._probabilities(volumes, watch, [])
        reference = volumes[reference_name]
        channels = [OutputChannel(number) for number in range(len(self.bundle.spec.classes))]
        return Volume(to_scan_grid(probabilities, channels, working, reference.grid), reference.ijk_to_ras)

    def _probabilities(
        self, volumes: Mapping[str, Volume], watch: StageWatch, warnings: list[str]
    ) -> tuple[dict[str, Volume], str, Grid, torch.Tensor]:
        """The checked scans, the reference's name, the working grid and the probabilities (C, K, J, I) on it."""
        progress = watch.progress
        watch.start("Checking")
        volumes, reference_name, found = self._checked(volumes)
        warnings += found
        reference = volumes[reference_name]
        if self.settings.region is not None:
            self.settings.region.part_of(reference.grid, 0.0)
        expected = self._expectations(reference_name, watch, warnings)
        if expected is not None:
            self._doubt(expected.doubts_of_scans(volumes), warnings)
        if self.settings.register:
            from neurospineseg.inference.registration import register_rigid

            watch.start("Registering")
            others = [name for name in volumes if name != reference_name]
            for number, name in enumerate(others):
                volumes[name] = register_rigid(reference, volumes[name])
                progress("Registering", (number + 1) / len(others))
        warnings += check_overlaps(volumes, reference_name)
        if expected is not None:
            watch.start("Checking")
            self._doubt(expected.doubts_of_contrasts(volumes), warnings)
            warnings += expected.notes

        head = None if expected is None else expected.head
        working = self._working_grid(volumes, reference, head and head.pose, watch, warnings)
        inside, nowhere = (slice(None),) * 3, None
        if self.coarse is not None:
            watch.start("Reading into the model's grid")
            grid = straight_grid(working, np.array(self.coarse.spec.spacing))
            seen = to_model_grid(volumes, grid, self.coarse.spec)
            near = near_found(self._predict(self.coarse, seen, "Finding the region", watch, warnings), grid, self.coarse.spec, working)
            box = box_around(near, self.bundle.spec, CONTEXT_MM)
            if box is None:
                background = torch.zeros(len(self.bundle.spec.classes), *working.shape)
                background[0] = 1
                return volumes, reference_name, working, background
            inside = tuple(slice(*axis) for axis in box)
            nowhere = ~near[inside].numpy()
        watch.start("Reading into the model's grid")
        image = to_model_grid(volumes, working, self.bundle.spec, inside)
        if self.coarse is not None:
            working = working.crop(*zip(*box))
        probabilities = self._predict(self.bundle, image, "Segmenting", watch, warnings)
        watch.start("Applying anatomy")
        if self.task == "subcortical":
            warnings += contrast_notes(image, probabilities, self.bundle.spec)
        if self.task == "tumor":
            air = ~head_mask(volumes, working)
            nowhere = air if nowhere is None else nowhere | air
        if nowhere is not None:
            probabilities = probabilities.clone()
            for channel in range(1, len(self.bundle.spec.classes)):
                suppress(probabilities, channel, nowhere)
        return volumes, reference_name, working, probabilities

    def find_region(self, volumes: Mapping[str, Volume], progress: Progress = lambda stage, fraction: None) -> Region:
        """The part of the scans worth segmenting: where the model's locator finds the anatomy, or all that is not air.

        Raises:
            InputError: a scan cannot be used, or the anatomy was not found.
        """
        watch = StageWatch(progress)
        watch.start("Checking")
        volumes, reference_name, warnings = self._checked(volumes)
        reference = volumes[reference_name]
        if self.bundle.spec.locator is not None:
            return Region.around(self._located(volumes, reference, None, watch, warnings))
        watch.start("Finding the region")
        coarse = covering_grid(reference.grid, np.full(3, TISSUE_SPACING_MM))
        tissue = np.argwhere(head_mask({reference_name: reference}, coarse))
        low, high = np.maximum(tissue.min(0) - 2, 0), np.minimum(tissue.max(0) + 3, coarse.shape)
        return Region.around(coarse.crop(tuple(low), tuple(high)))

    def _checked(self, volumes: Mapping[str, Volume]) -> tuple[dict[str, Volume], str, list[str]]:
        spec = self.bundle.spec
        unknown = [name for name in volumes if name not in spec.channels]
        if unknown:
            raise InputError(f"The model '{spec.name}' takes {', '.join(spec.channels)}; it has no use for '{unknown[0]}'.")
        missing = [name for name in spec.channels if name not in volumes]
        if len(missing) == len(spec.channels) or (missing and not spec.optional_channels):
            raise InputError(
                f"The model '{spec.name}' needs {' and '.join(missing)}; give {'at least one of them' if spec.optional_channels else 'them'}."
            )
        reference_name = next(name for name in spec.channels if name in volumes)
        checked, warnings = {}, []
        lacking = [name for name in spec.advised_channels if name not in volumes]
        if lacking:
            warnings.append(
                f"Without {' and '.join(lacking)} the model '{spec.name}' finds far less (see its model card); give {'it' if len(lacking) == 1 else 'them'} if you can."
            )
        for name, volume in volumes.items():
            words = "the scan" if name == "image" else f"the scan {name}"
            check_field_of_view(volume, self.task, words)
            checked[name], found = repaired(volume, words)
            warnings += found
        return checked, reference_name, warnings

    def _expectations(self, reference_name: str, watch: StageWatch, warnings: list[str]) -> Expectations | None:
        """What is expected of the scans; None where the model says nothing of it or what tells it is damaged."""
        name = self.bundle.spec.recognizer
        if name is None:
            return None
        try:
            locator, contrast = find_bundle(name), find_bundle(CONTRAST_BUNDLE)
            self.network(locator)
            known = (contrast, self.network(contrast).cpu())
        except InputError as error:
            warnings.append(f"What the scans show was not checked: {error}")
            return None

        def probabilities(image: torch.Tensor) -> torch.Tensor:
            return self._predict(locator, image, "Checking", watch, warnings)

        return Expectations(self.task, reference_name, Recognizer(locator, probabilities, known), self.settings.region is not None)

    def _doubt(self, sentences: Sequence[str], warnings: list[str]) -> None:
        """Raises ImplausibleInput, or adds the sentences to the warnings where the user wants the result anyway."""
        if sentences and not self.settings.force:
            raise ImplausibleInput(" ".join(sentences))
        warnings += sentences

    def _working_grid(
        self, volumes: dict[str, Volume], reference: Volume, found: Pose | None, watch: StageWatch, warnings: list[str]
    ) -> Grid:
        spec, region = self.bundle.spec, self.settings.region
        if spec.locator is not None:
            return self._located(volumes, reference, found if spec.recognizer == spec.locator else None, watch, warnings)
        if region is None:
            return straight_grid(reference.grid, np.array(spec.spacing))
        part = region.part_of(reference.grid, CONTEXT_MM)
        return straight_grid(part, np.array(spec.spacing))

    def _located(
        self, volumes: Mapping[str, Volume], reference: Volume, found: Pose | None, watch: StageWatch, warnings: list[str]
    ) -> Grid:
        locator = find_bundle(self.bundle.spec.locator)
        watch.start("Finding the region")
        pose = find_head(
            volumes,
            reference.grid,
            locator.spec,
            lambda image: self._predict(locator, image, "Finding the region", watch, warnings),
            found,
        )
        return locate_region(pose, self.bundle.spec.region_mm, self.bundle.spec.spacing[0])

    def _predict(self, bundle: Bundle, image: torch.Tensor, stage: str, watch: StageWatch, warnings: list[str]) -> torch.Tensor:
        watch.start(stage)
        probabilities, used, notes = predict(
            self.network(bundle), image, bundle.spec, self.device, self.precision, lambda fraction: watch.progress(stage, fraction)
        )
        self.device, self.precision = used.device, used.precision
        warnings += [note for note in notes if note not in warnings]
        return probabilities


def _chosen_bundle(task: Task, model: str | None) -> Bundle:
    if model is not None:
        bundle = find_bundle(model)
        if bundle.spec.task != task or bundle.spec.role != "segment":
            raise InputError(f"The model '{model}' does not segment {task}; see `neurospineseg models`.")
        return bundle
    bundles = installed_bundles(task)
    if not bundles:
        raise InputError(f"No model for {task} is installed; install NeuroSpineSeg again or name a bundle's folder with --model.")
    return max(bundles, key=lambda bundle: bundle.spec.preference)
