"""The viewer in the browser: reads what is shown, starts the server, opens the browser and waits for the end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np

from neurospineseg.cli.mask_file import named_segments, read_mask
from neurospineseg.cli.scan_file import read_scan
from neurospineseg.cli.shown_segments import segments_shown
from neurospineseg.cli.sidecar import read_sidecar
from neurospineseg.errors import InputError
from neurospineseg.images.scan_names import SEGMENTATION, stem
from neurospineseg.images.segmentation_file import FileSegment
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.measurements.segment_names import structures_of_segments
from neurospineseg.viewer.server import ViewerServer
from neurospineseg.viewer.shown_case import ShownCase, nothing_measured
from neurospineseg.viewer.viewer import Viewer
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.private_folder import make_private_folder, remove_folder, sweep_private_folders

SILENT_SECONDS = 1800.0
"""After which without a page the program ends; an open page asks for something every minute."""


def show_in_browser(options: argparse.Namespace) -> None:
    """Runs until Ctrl-C, or until no page has been open for half an hour.

    Raises:
        InputError: a file cannot be read, or the port is in use.
    """
    given = _given(options)
    sweep_private_folders()
    folder = make_private_folder()
    try:
        server = _server(Viewer(folder, open_case, WorkerClient(), given), options.port)
        try:
            server.start()
            _open(server, options.no_browser)
            _wait(server)
        finally:
            server.close()
    finally:
        remove_folder(folder)


def open_case(scans: Mapping[str, Path], mask: Path | None) -> ShownCase:
    """What the page shows of files.

    Raises:
        InputError: one cannot be read.
    """
    return _case({name: read_volume(path, compact=True) for name, path in scans.items()}, mask)


def _given(options: argparse.Namespace) -> ShownCase | None:
    if options.image is None:
        return None
    if options.mask is not None and _is_segmentation(options.image) and not _is_segmentation(options.mask):
        raise InputError(f"'{options.image.name}' is a mask; give the scan first, then its mask.")
    paths = [options.image, *options.also]
    names = [stem(path.name) or str(path) for path in paths]
    unique = [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths)]
    if len(set(unique)) < len(unique):
        raise InputError("A scan is given twice; give each once.")
    return _case({name: read_scan(path, options, compact=True) for name, path in zip(unique, paths)}, options.mask)


def _is_segmentation(path: Path) -> bool:
    return path.name.lower().endswith(SEGMENTATION)


def _case(scans: Mapping[str, Volume], mask: Path | None) -> ShownCase:
    notes = tuple(note for scan in scans.values() for note in scan.notes)
    title = next(iter(scans))
    if mask is None:
        return ShownCase(title, scans, notes=notes)
    labels, stated = read_mask(mask)
    values = [int(value) for value in np.unique(labels.voxels) if value > 0]
    segments = tuple(segments_shown(read_sidecar(mask), stated, values))
    task, named = named_segments(mask, stated)
    shown = [segment for segment in segments if segment.label in values]
    measuring = partial(_measured, labels, task, named, values, next(iter(scans.values()))) if values else nothing_measured
    return ShownCase(title, scans, labels, tuple(shown), (*notes, *labels.notes), measuring, mask)


def _measured(labels: Volume, task: str | None, segments: list[FileSegment], values: list[int], scan: Volume) -> Measurements:
    from neurospineseg.cli.measured import measured_mask  # loads torch, for which nobody has to wait who only looks

    named, keys = structures_of_segments(segments, values, task)
    return measured_mask(labels, named, keys, segments, scan)


def _server(viewer: Viewer, port: int) -> ViewerServer:
    try:
        return ViewerServer(viewer, port)
    except (OSError, OverflowError) as error:
        raise InputError(f"The port {port} cannot be used; choose another one, or leave --port out.") from error


def _open(server: ViewerServer, quiet: bool) -> None:
    print(
        f"{server.address}\nOnly this computer can open it, and only with this address. Ctrl-C ends it. Not for clinical use.", flush=True
    )
    has_display = sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not quiet and has_display:
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(server.ticket_address())


def _wait(server: ViewerServer) -> None:
    with suppress(KeyboardInterrupt), _hanging_up():
        while server.viewer.segmenting.running is not None or monotonic() - server.heard < SILENT_SECONDS:
            sleep(0.2)
        print("No page has been open for half an hour; ended.")


class _hanging_up:
    """A terminal that is closed ends the program as Ctrl-C does, unless it was started to outlive it (``nohup``)."""

    def __enter__(self) -> None:
        self._former: Any = None
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            with suppress(ValueError):  # off the main thread
                self._former = signal.signal(signal.SIGHUP, signal.default_int_handler)

    def __exit__(self, *error: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGHUP, self._former)
