"""Our way from files to a mask, as ``neurospineseg segment`` goes it, with the networks loaded before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import torch

from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.file_job import FileJob, run_file_job
from neurospineseg.pipeline.run import CONTRAST_BUNDLE
from neurospineseg.pipeline.segmentation_result import SegmentationResult
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from neurospineseg.pipeline.stages import Progress, no_progress

NETWORK_STAGE = "Segmenting"
FILE_STAGES = ("Reading files", "Writing files")


class OwnPath:
    """Segments from files into a ``.nii.gz``.

    Args:
        model: bundle name or folder; None for the task's default.
        device: as ``Settings.device``.

    Attributes:
        network_seconds: that all networks took so far, those that look for the head and tell contrasts among them.
    """

    def __init__(self, task: str, model: str | None, device: str) -> None:
        self.task, self.settings = task, Settings(model=model, device=device, force=True)
        self.networks: dict[str, torch.nn.Module] = {}
        self.segmenter = Segmenter(task, self.settings, self.networks)
        bundle = self.segmenter.bundle
        self.segmenter.load()
        if bundle.spec.recognizer is not None:
            self.segmenter.network(find_bundle(CONTRAST_BUNDLE))
        self.network_seconds = 0.0
        for network in self.networks.values():
            self._time(network)

    def __call__(self, scans: Mapping[str, Path], output: Path, progress: Progress = no_progress) -> SegmentationResult:
        job = FileJob(self.task, scans, output, self.settings, sidecar=False, overwrite=True)
        return run_file_job(job, progress, self.networks)

    def _time(self, network: torch.nn.Module) -> None:
        """Adds what the network's calls take to ``network_seconds``: on a CPU, where a call ends with its work."""
        started = 0.0

        def begin(*_: object) -> None:
            nonlocal started
            started = perf_counter()

        def end(*_: object) -> None:
            self.network_seconds += perf_counter() - started

        network.register_forward_pre_hook(begin)
        network.register_forward_hook(end)
