"""What the three modules do without a window: one logic, which the panel uses and the Python console too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.mrml import MergeRule, region_of_roi
from neurospineseg.pipeline.settings import AUTOMATIC, Settings
from neurospineseg.worker.requests import Describe, FindRegion, RunFiles, Segment, Warm
from neurospineseg.worker.ssh_host import DEFAULT_PYTHON, SshHost
from neurospineseg_panel.dependencies import missing_packages
from neurospineseg_panel.error_box import show_error
from neurospineseg_panel.follow_run import FollowRun, NodeStudy, study_name
from neurospineseg_panel.given_nodes import check_scans, check_segmentation
from neurospineseg_panel.measure_run import MeasureRun, scan_of_segmentation
from neurospineseg_panel.option_words import in_the_console
from neurospineseg_panel.parameters import SegmentParameters
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Listener, Run
from neurospineseg_panel.run_logic import IDLE_MILLISECONDS, RunLogic
from neurospineseg_panel.segmentation_result import SegmentationResult
from neurospineseg_panel.segmentation_run import SegmentationRun


class SegmentLogic(RunLogic):
    """Segments, in the background or waiting.

    Args:
        declaration: the module's declaration.
        scene: where results go; the application's scene by default.
    """

    def getParameterNode(self) -> SegmentParameters:
        return SegmentParameters(super().getParameterNode())

    def segment(
        self,
        inputs: Any,
        segmentationNode: Any = None,
        roi: Any = None,
        model: str | None = None,
        device: str = "auto",
        wait: bool = True,
        *,
        mergeRule: MergeRule | str = MergeRule.REPLACE,
        host: str | None = None,
        hostPython: str = DEFAULT_PYTHON,
        **options: Any,
    ) -> Any:
        """Segments scans of the scene.

        Args:
            inputs: scalar volume node, or several by the names of the model's channels, e.g. ``{"t1c": node, "flair": node}``.
            segmentationNode: receives the result; a new one by default.
            roi: ``vtkMRMLMarkupsROINode`` to stay inside of, ``"auto"``, or None for the whole scan.
            model: name or folder of a model; None for the default.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            wait: True returns when all is done; False returns at once and fills the node later (needs the application's window).
            mergeRule: what happens to segments that are there already; a ``MergeRule`` or its value.
            host: another computer that segments, as ssh knows it; ``""`` for this one, None for the one before.
            hostPython: the command that starts the Python there that has NeuroSpineSeg.
            options: further ones of ``neurospineseg.pipeline.settings.Settings``: ``structures`` (keys of those to keep), ``register`` (whether
                the scans are first aligned rigidly to the first one), ``force`` (whether scans that do not look like what the model expects
                are segmented too; also called ``anyway``, as it was before).

        Returns:
            The ``vtkMRMLSegmentationNode``; with ``wait=False`` it may be empty yet.

        Raises:
            InputError: something given cannot be used; the message says what and what to do. The scene is unchanged.
                ``ImplausibleInput``: it can be used with ``force``.
        """
        scans = dict(inputs) if isinstance(inputs, Mapping) else {self.declaration.channel_keys[0]: inputs}
        if "region" in options:
            raise InputError(_("The box to stay inside of is called roi; give roi= instead of region=."))
        settings, rule = self.settings(model=model, device=device, region=roi, **options), MergeRule(mergeRule)
        self._check(scans)
        if segmentationNode is not None:
            check_segmentation(segmentationNode)
        if host is not None:
            self.use_host(SshHost(host, hostPython) if host else None)
        if wait:
            result = self.wait_for(lambda listener: self.start(scans, settings, listener, segmentationNode, rule))
            return result.node
        created = segmentationNode is None
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", self.result_name(scans)) if created else segmentationNode

        def failed(message: str, detail: str) -> None:
            if created and self.scene.IsNodePresent(node):
                self.scene.RemoveNode(node)
            show_error(in_the_console(message), self.declaration.name)

        try:
            self.start(scans, settings, Listener(failed=failed), node, rule)
        except InputError:
            if created:
                self.scene.RemoveNode(node)
            raise
        return node

    def segmentFolder(
        self,
        inputFolder: str | Path,
        outputFolder: str | Path,
        *,
        progress: Callable[[int, int, str], None] = lambda done, count, case: None,
        frame: int | None = None,
        volume: str | Sequence[str] = (),
        orientation: str | None = None,
        spacing: Sequence[float] | None = None,
        **options: Any,
    ) -> dict[str, str]:
        """Segments every case of a folder into another folder, and waits.

        A case whose mask is there already is left alone, so that a stopped run goes on where it was; a case that cannot be
        segmented does not stop the others. See ``neurospineseg.pipeline.batch`` for what a case is.

        Args:
            progress: called before each case with the number done, the number of all and the case's name.
            frame, orientation, spacing: see ``neurospineseg.read_volume``.
            volume: which of several volumes among DICOM images, such as ``"series=4,echo=2"``; ``"flair:series=7"`` for one channel alone.
            options: of ``neurospineseg.pipeline.settings.Settings``: ``model``, ``device``, ``structures``, ``register``, ``force``.

        Returns:
            For each case ``done``, ``kept`` (the mask was there) or the sentence that says what is wrong with it.

        Raises:
            InputError: the folder holds no case, or the output folder cannot be written to.
        """
        from neurospineseg.pipeline.batch import OUTPUT_ENDING, run_batch
        from neurospineseg.pipeline.batch_report import picture_of

        settings = replace(self.settings(**options), uncertainty=True)
        volumes = (volume,) if isinstance(volume, str) else tuple(volume)
        said = (frame, orientation, None if spacing is None else tuple(map(float, spacing)), volumes)

        def segment_case(scans: Mapping[str, Path], output: Path) -> Sequence[str]:
            picture = picture_of(output, OUTPUT_ENDING)
            request = RunFiles(self.declaration.task, dict(scans), output, settings, None, *said, picture=picture)
            written = self.wait_for(
                lambda listener: self.begin(Run(self.client, {}, request, listener, self.times, writes_into=output.parent))
            )
            return [in_the_console(warning) for warning in written.warnings]

        try:
            return run_batch(self.declaration.task, Path(inputFolder), Path(outputFolder), segment_case, progress, report=True)
        except InputError as error:
            raise InputError(in_the_console(str(error))) from error

    def measure(self, segmentationNode: Any, scan: Any = None, *, keepEdits: bool = True) -> Measurements:
        """Measures a segmentation, waits, and puts the table and what belongs to it into the scene.

        Args:
            segmentationNode: of any program, if its segments are named; it is measured on its own grid, in world coordinates.
            scan: the volume node that it was made on, for measures that look at the image; the one that it refers to by default.
            keepEdits: whether numbers that a person has moved stay as they are when it is measured again.

        Returns:
            The numbers, the same as of ``neurospineseg measure``.

        Raises:
            InputError: nothing in it can be measured; the message says why and what to do.
        """
        return self.wait_for(lambda listener: self.begin(self.measure_run(segmentationNode, listener, scan, keepEdits))).measured

    def measure_run(self, node: Any, listener: Listener, scan: Any = None, keep_edits: bool = True) -> Run:
        """A run that measures a segmentation, to be begun; ``listener.finished`` gets a ``MeasuredSegmentation``.

        Raises:
            InputError: no segmentation is given, or something else as it or as the scan.
        """
        if node is None:
            raise InputError(_("No segmentation was chosen; choose the one to measure."))
        check_segmentation(node)
        if scan is not None:
            check_scans({"scan": scan})
        scan = scan_of_segmentation(node) if scan is None else scan
        return MeasureRun(self.client, node, scan, self.declaration.task, listener, keep_edits)

    def follow(self, segmentationNodes: Sequence[Any], names: Sequence[str] = ()) -> Any:
        """Compares segmentations of two or more studies of one patient, and waits.

        Args:
            segmentationNodes: the earliest first; the scans that they refer to are registered to that of the first.
            names: what each study is called, such as its date; by default the date of the DICOM study or the node's name.

        Returns:
            The ``vtkMRMLTableNode`` with every number of every study, as ``neurospineseg follow`` writes it. Plots over time and segments
            of what has grown and shrunk lie beside it.

        Raises:
            InputError: they cannot be compared; the message says why and what to do.
        """
        for node in segmentationNodes:
            check_segmentation(node)
        studies = [NodeStudy(name, node) for name, node in zip(names or map(study_name, segmentationNodes), segmentationNodes)]
        return self.wait_for(lambda listener: self.begin(self.follow_run(studies, listener)))

    def follow_run(self, studies: Sequence[NodeStudy], listener: Listener) -> Run:
        """A run that compares studies, to be begun; ``listener.finished`` gets the table node."""
        return FollowRun(self.client, studies, self.declaration.task, listener)

    def _check(self, scans: Mapping[str, Any]) -> None:
        if not scans or any(node is None for node in scans.values()):
            raise InputError(_("No scan was chosen; choose the scan to segment."))
        unknown = [name for name in scans if name not in self.declaration.channel_keys]
        if unknown:
            keys = ", ".join(self.declaration.channel_keys)
            raise InputError(
                _("'{name}' is no scan of {module}; it takes {channels}.").format(
                    name=unknown[0], module=self.declaration.name, channels=keys
                )
            )
        check_scans(scans)

    def settings(self, *, region: Any = None, **options: Any) -> Settings:
        """What the user chose; ``region`` is a markups ROI node, ``auto`` or None, ``options`` are the other fields of ``Settings``.

        Raises:
            InputError: there is no such option, a value cannot be used, or the box is empty.
        """
        if "anyway" in options:
            options.setdefault("force", options.pop("anyway"))
        as_it_is = region is None or (isinstance(region, str) and region == AUTOMATIC)
        return Settings.of({**options, "region": region if as_it_is else region_of_roi(region)})

    def result_name(self, scans: Mapping[str, Any]) -> str:
        return self.declaration.result_name.format(scan=next(iter(scans.values())).GetName())

    def start(
        self,
        scans: Mapping[str, Any],
        settings: Settings,
        listener: Listener,
        target: Any = None,
        rule: MergeRule = MergeRule.REPLACE,
        *,
        inside_only: bool = False,
        save_undo: Callable[[Any], None] | None = None,
        earlier: SegmentationResult | None = None,
    ) -> Run:
        """Begins a segmentation; ``listener.finished`` gets a ``SegmentationResult``.

        Raises:
            InputError: no scan is given, packages are missing and not installed, or the module is segmenting already.
        """
        self._check(scans)
        ordered = {name: scans[name] for name in self.declaration.channel_keys if name in scans}
        request = Segment(self.declaration.task, replace(settings, uncertainty=True), inside=inside_only)
        return self.begin(
            SegmentationRun(
                self.segmenting_client,
                ordered,
                request,
                listener,
                self.times,
                scene=self.scene,
                target=target,
                rule=rule,
                name=self.result_name(ordered),
                save_undo=save_undo,
                earlier=earlier,
            )
        )

    def find_region(self, scans: Mapping[str, Any], settings: Settings, listener: Listener) -> Run:
        """Begins to look for the part of scans that is worth segmenting; ``listener.finished`` gets a ``RegionFound``."""
        return self.begin(Run(self.segmenting_client, scans, FindRegion(self.declaration.task, settings), listener, RemainingTime()))

    def describe_run(self, listener: Listener) -> Run:
        """A run that asks what there is to segment with, to be begun; ``listener.finished`` gets a ``Described``."""
        return Run(self.segmenting_client, {}, Describe(), listener, RemainingTime())

    def warm(self, model: str | None = None, device: str = "auto") -> None:
        """Starts the worker and lets it load the model, if all packages are there; never asks and never waits."""
        client = self.segmenting_client
        if client.running or (self.away is None and missing_packages()):
            return
        try:
            client.request(Warm(self.declaration.task, self.settings(model=model, device=device)))
        except OSError:
            return
        self._tick_every(IDLE_MILLISECONDS)
