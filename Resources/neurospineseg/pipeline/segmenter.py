"""``Segmenter``: scans of one task in, masks on their own grid out, with the networks kept between runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.region import Region
from neurospineseg.images.volume import Volume
from neurospineseg.inference.coarse_to_fine import coarse_bundle
from neurospineseg.inference.device import choose_device, choose_precision
from neurospineseg.inference.predict import predict
from neurospineseg.models.bundle import Bundle, find_bundle, installed_bundles
from neurospineseg.models.network import build_to_run, load_weights
from neurospineseg.pipeline.added_run import AddedRun
from neurospineseg.pipeline.class_probabilities import ClassProbabilities
from neurospineseg.pipeline.known_levels import Place, name_levels
from neurospineseg.pipeline.measuring_runs import measured_run
from neurospineseg.pipeline.run import Run
from neurospineseg.pipeline.run_record import run_record
from neurospineseg.pipeline.segmentation_result import SegmentationResult
from neurospineseg.pipeline.settings import DEFAULTS, Settings
from neurospineseg.pipeline.stages import Progress, no_progress
from neurospineseg.tasks.anatomy import Structure
from neurospineseg.tasks.task import task_named


class Segmenter:
    """Segments scans of one task; keeps its networks loaded between runs.

    Args:
        task: name of a registered task.
        settings: see ``Settings``.
        networks: loaded networks by bundle name, to share them between segmenters.

    Raises:
        InputError: the task, the model, the device or a structure is not there.

    >>> import numpy as np
    >>> scan = Volume(np.random.default_rng(0).random((10, 10, 10), np.float32), np.diag([8.0, 8.0, 8.0, 1.0]))
    >>> segmenter = Segmenter("tumor", Settings(model="tumor_glioma", device="cpu", structures=("edema",), force=True))
    >>> [structure.key for structure in segmenter.sought]
    ['edema']
    >>> segmenter.run({"flair": scan}).labels.shape
    (10, 10, 10)
    >>> probabilities = segmenter.probabilities({"flair": scan})
    >>> probabilities.values.shape[0] == len(segmenter.bundle.spec.classes), probabilities.class_map().shape
    (True, (10, 10, 10))
    """

    def __init__(self, task: str, settings: Settings = DEFAULTS, networks: dict[str, torch.nn.Module] | None = None) -> None:
        declared = task_named(task)
        self.task, self.settings = task, settings
        self.bundle = _chosen_bundle(task, settings.model)
        own = {structure.key for structure in self.bundle.spec.structures} if self.bundle.added else set()
        for key in settings.structures or ():
            if key not in own:
                declared.structure(key)
        self.coarse = coarse_bundle(self.bundle)
        self.device = choose_device(settings.device)
        self.precision = choose_precision(self.device)
        self._networks = {} if networks is None else networks

    @property
    def sought(self) -> list[Structure]:
        """Every structure that a run may mark: those of the model's classes that were asked for."""
        asked = self.settings.structures
        return [structure for structure in self.bundle.spec.structures if asked is None or structure.key in asked]

    def network(self, bundle: Bundle) -> torch.nn.Module:
        """The bundle's network with its weights, loaded once."""
        if bundle.spec.name not in self._networks:
            network = build_to_run(bundle.network_def)
            self._networks[bundle.spec.name] = load_weights(network, bundle.weights, exchange_norms=not bundle.added)
        return self._networks[bundle.spec.name]

    def run(
        self, scans: Mapping[str, Volume], progress: Progress = no_progress, levels: Mapping[str, Place] | None = None
    ) -> SegmentationResult:
        """Segments one case.

        Args:
            scans: by channel of the task;
                the first of the model's channels that is given is the reference, whose grid the result has.
            progress: called with a stage and the fraction of it that is done; an exception from it cancels.
            levels: of a spine: middles of the vertebrae and discs of another mask, such as a whole-spine localizer's, in RAS mm of the
                scan's space, by key; vertebrae get its names.

        Raises:
            InputError: a scan cannot be used, or the levels do not fit; the message says why and what to do. ``ImplausibleInput``: it can,
                with ``Settings.force``.
        """
        run = self._run(scans, progress)
        mask = run.finish()
        if levels is not None:
            mask = name_levels(run, levels)
        measured = measured_run(run, mask) if self.settings.measure else None
        return SegmentationResult(mask, run.structures, run_record(run), run.warnings, run.uncertainty, run.uncertain_regions, measured)

    def probabilities(self, scans: Mapping[str, Volume], progress: Progress = no_progress) -> ClassProbabilities:
        """What the model says of one case, before anatomy's rules: the first half of ``run``.

        Raises:
            InputError: as for ``run``.
        """
        run = self._run(scans, progress)
        found = run.probabilities()
        scan_grid = Grid(found.scan_grid.shape, run.given_affine)
        return ClassProbabilities(found.values, run.frame.grid_in_ras(found.grid), scan_grid)

    def class_map(self, scans: Mapping[str, Volume]) -> Volume:
        """Where each of the model's own classes is the likeliest, before they become structures.

        Returns:
            uint16 on the reference scan's grid, numbers of ``bundle.spec.classes``.

        Raises:
            InputError: as for ``run``.
        """
        return self.probabilities(scans).class_map()

    def check(self, scans: Mapping[str, Volume]) -> list[str]:
        """Judges scans as ``run`` does before it segments them; returns what the user should know.

        Raises:
            InputError: a scan cannot be used. ``ImplausibleInput``: it can, with ``Settings.force``.
        """
        run = self._run(scans)
        run.judge()
        return run.warnings

    def find_region(self, scans: Mapping[str, Volume], progress: Progress = no_progress) -> Region:
        """The part of the scans worth segmenting: where the model's locator finds the anatomy, or all that is not air.

        Raises:
            InputError: a scan cannot be used, or the anatomy was not found.
        """
        run = self._run(scans, progress)
        run.accept()
        found = run.tissue_region() if self.bundle.spec.locator is None else Region.around(run.located(None))
        return run.frame.region_in_ras(found)

    def _run(self, scans: Mapping[str, Volume], progress: Progress = no_progress) -> Run:
        return (AddedRun if self.bundle.added else Run)(self, scans, progress)

    def load(self) -> None:
        """Loads the model and those that help it, onto the device, so that the first run need not."""
        spec = self.bundle.spec
        helpers = [find_bundle(name) for name in {spec.locator, spec.recognizer, spec.coarse} if name is not None]
        for bundle in (self.bundle, *helpers):
            self.network(bundle).to(self.device)

    def predict(
        self, bundle: Bundle, image: torch.Tensor, progress: Callable[[float], None] = lambda fraction: None
    ) -> tuple[torch.Tensor, list[str]]:
        """Runs one of the models of a case on an image; every network runs through here, so that an evaluation may run them otherwise.

        Args:
            bundle: ``self.bundle``, or a model that helps it.
            image: float32 (channels, K, J, I) on a working grid, normalized.

        Returns:
            Softmax probabilities float32 (classes, K, J, I), and sentences for the user on what had to be changed.
        """
        network = self.network(bundle)
        probabilities, used, notes = predict(network, image, bundle.spec, self.device, self.precision, progress)
        self.device, self.precision = used.device, used.precision
        return probabilities, notes


def _chosen_bundle(task: str, model: str | None) -> Bundle:
    if model is not None:
        bundle = find_bundle(model)
        if bundle.spec.task != task or bundle.spec.role != "segment":
            raise InputError(f"The model '{model}' does not segment {task}; see `neurospineseg models`.")
        return bundle
    bundles = installed_bundles(task)
    if not bundles:
        raise InputError(f"No model for {task} is installed; install NeuroSpineSeg again or name a bundle's folder with --model.")
    return max(bundles, key=lambda bundle: bundle.spec.preference)
