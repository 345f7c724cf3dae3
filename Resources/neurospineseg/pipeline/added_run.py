"""One case on its way through a model of another program: given as it is, segmented as that program does, without rules of anatomy."""

from __future__ import annotations

import numpy as np

from neurospineseg.checks.distinct_scans import check_distinct
from neurospineseg.checks.input_checks import check_field_of_view, repaired
from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import volumes_ml
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume
from neurospineseg.inference.monai_way import monai_classes
from neurospineseg.inference.nnunet_way import nnunet_classes
from neurospineseg.models.recipe import NnunetRecipe
from neurospineseg.pipeline.accepted_scans import reference_of
from neurospineseg.pipeline.class_probabilities import ClassProbabilities
from neurospineseg.pipeline.run import Run
from neurospineseg.pipeline.stages import Stage


class AddedRun(Run):
    """As ``Run``, for a bundle with a recipe."""

    def accept(self) -> None:
        """Takes the scans with their own gray values; only voxels that are no numbers are mended."""
        self.watch.start(Stage.CHECKING)
        self.reference = reference_of(self.scans, self.bundle.spec)
        accepted = {}
        for name, scan in self.scans.items():
            words = "the scan" if self.task.single else f"the scan {name}"
            check_field_of_view(scan, self.task, words)
            self.warnings += scan.notes if self.task.single else [f"The scan {name}: {note}" for note in scan.notes]
            accepted[name], notes = repaired(scan, words)
            self.warnings += notes
        check_distinct(accepted)
        self.scans, self.given_affine = accepted, accepted[self.reference].affine

    def probabilities(self) -> ClassProbabilities:
        raise InputError(
            f"The model '{self.bundle.spec.name}' of another program gives labels and no probabilities; choose one of this program's own."
        )

    def finish(self) -> Volume:
        """The mask on the reference scan's grid."""
        self.check()
        self.align()
        if self.settings.uncertainty:
            self.warnings.append(f"The model '{self.bundle.spec.name}' of another program does not say where it is uncertain.")
        channels = self.on_one_grid()
        labels = self.labels_of(self.classes(channels))
        self.watch.start(Stage.WRITING_MASK)
        if self.region is not None:
            labels[~self.region.contains(self.reference_scan.grid)] = 0
        self.mask = Volume(labels, self.given_affine)
        self.ml = volumes_ml(labels, self.reference_scan.grid)
        self.structures = [each for each in sorted(self.segmenter.sought, key=lambda found: found.label) if each.label in self.ml]
        self.watch.stop()
        self.warn_of_missing()
        return self.mask

    def on_one_grid(self) -> list[np.ndarray]:
        """The scans (K, J, I) in the order of the network's channels; those on another grid than the reference are resampled onto it."""
        self.watch.start(Stage.RESAMPLING)
        target, channels = self.reference_scan.grid, []
        for name in self.bundle.spec.channels:
            scan = self.scans[name]
            if scan.grid.same_as(target):
                channels.append(scan.voxels)
                continue
            self.warnings.append(
                f"The scan {name} was resampled onto the grid of {self.reference}, since the model wants its scans on one grid."
            )
            low = float(scan.voxels.min())
            channels.append(resample(scan.tensor[None].float(), scan.grid, target, fill=low, level=0.0)[0].numpy())
        return channels

    def classes(self, channels: list[np.ndarray]) -> np.ndarray:
        """The numbers of the model's classes, uint16 (K, J, I)."""
        self.watch.start(Stage.SEGMENTING)
        network, recipe = self.segmenter.network(self.bundle), self.bundle.spec.recipe
        assert recipe is not None

        def progress(fraction: float) -> None:
            self.watch.progress(Stage.SEGMENTING, fraction)

        if isinstance(recipe, NnunetRecipe):
            return nnunet_classes(channels, self.reference_scan.grid, recipe, network, self.segmenter.device, progress)
        return monai_classes(channels, self.reference_scan.grid, recipe, network, self.segmenter.device, progress)

    def labels_of(self, classes: np.ndarray) -> np.ndarray:
        """The structures' label values, uint16, of those that were asked for."""
        spec = self.bundle.spec
        labels = {structure.key: structure.label for structure in self.segmenter.sought}
        values = np.zeros(max(len(spec.classes), int(classes.max()) + 1), np.uint16)
        values[1 : len(spec.classes)] = [labels.get(key, 0) for key in spec.classes[1:]]
        return values[classes]
