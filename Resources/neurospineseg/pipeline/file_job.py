"""``neurospineseg segment``: from files to a mask, its report and a page, all written or none."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from neurospineseg.atomic_files import SEGMENTATION_ENDING, Outputs, beside, mask_ending
from neurospineseg.cli.main import MODALITIES
from neurospineseg.errors import InputError
from neurospineseg.tasks.structure import segment_tags

if TYPE_CHECKING:
    from neurospineseg.images.volume import Volume
    from neurospineseg.pipeline.segmenter import Result, Segmenter

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Request:
    """What a ``segment`` command line asks for.

    Attributes:
        task: ``tumor``, ``spine`` or ``subcortical``.
        scans: file or DICOM folder of each modality (``image`` for the tasks that take one).
        output: the mask; its report and page lie beside it.
        options: keyword arguments of ``neurospineseg.pipeline.segmenter.Settings``.
        frame: which volume of a 4D file.
        orientation: axis codes for files that record none.
        room: see ``Outputs``.
    """

    task: str
    scans: Mapping[str, Path]
    output: Path
    options: Mapping[str, Any]
    frame: int | None = None
    orientation: str | None = None
    sidecar: bool = True
    page: bool = False
    overwrite: bool = False
    room: Path | None = None


def segment(options: argparse.Namespace) -> None:
    """Runs the command and prints the volumes; warnings go to the standard error."""
    from neurospineseg.cli.console import StageProgress, out, say, table

    request = request_of(options)
    with StageProgress() as progress:
        result = run_request(request, progress)
    for warning in dict.fromkeys(result.warnings):
        say(f"Warning: {warning}")
    rows = [(entry["name"], f"{entry['mL']:.3g}") for entry in result.report["volumes"].values()]
    if rows:
        out().print(table(None, ("Structure", "mL"), rows, right=(1,)))
    seconds = sum(result.report["seconds"].values())
    model = result.report["model"]
    print(
        f"{request.output} written in {seconds:.1f} s by {model['name']} {model['version']} on {result.report['device']}. Not for clinical use."
    )


def request_of(options: argparse.Namespace) -> Request:
    """The request that a parsed command line makes.

    Raises:
        InputError: no scan is given or the region is malformed.
    """
    if options.task == "tumor":
        scans = {key: getattr(options, key) for key in MODALITIES if getattr(options, key) is not None}
        if not scans:
            raise InputError("No scan was given; name at least one with --t1c, --t1, --t2 or --flair.")
    else:
        scans = {"image": options.image}
    settings: dict[str, Any] = {"model": options.model, "device": options.device, "register": getattr(options, "register", False)}
    settings["force"] = options.force
    settings["structures"] = structures_asked(options.structures)
    if options.roi is not None:
        settings["region"] = _bounds(options.roi)
    return Request(
        options.task,
        scans,
        options.output,
        settings,
        options.frame,
        options.orientation,
        not options.no_sidecar,
        options.page,
        options.overwrite,
    )


def structures_asked(text: str | None) -> tuple[str, ...] | None:
    """Keys of a comma-separated list; None where none was given."""
    return None if text is None else tuple(key.strip() for key in text.split(",") if key.strip())


def _bounds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError as error:
        raise InputError(f"The region '{text}' is not six numbers; give R low,R high,A low,A high,S low,S high in mm.") from error


def run_request(request: Request, progress: Progress, networks: dict[str, Any] | None = None) -> Result:
    """Reads, segments and writes.

    Args:
        networks: loaded networks by bundle name, kept between requests.

    Raises:
        InputError: an input or the output cannot be used; nothing is left behind.
    """
    from neurospineseg.images.volume import ITK_ENDINGS

    ending = mask_ending(request.output)
    if ending in ITK_ENDINGS and importlib.util.find_spec("SimpleITK") is None:
        raise InputError(f"Writing {ending} needs the package SimpleITK, which this Python does not have; choose .nii.gz.")
    sidecar, page = beside(request.output, ".json"), beside(request.output, ".html")
    paths = [request.output, *([sidecar] if request.sidecar else []), *([page] if request.page else [])]
    with Outputs(paths, inputs=list(request.scans.values()), overwrite=request.overwrite, room=request.room) as outputs:
        started = perf_counter()
        volumes = _read(request, progress)
        reading, started = perf_counter() - started, perf_counter()
        progress("Loading the model", 0.0)
        segmenter = _segmenter(request, networks)
        loading = perf_counter() - started
        result = segmenter.run(volumes, progress)
        started = perf_counter()
        progress("Writing files", 0.0)
        _write_mask(result, outputs.temporary(request.output), ending)
        result.report["seconds"] = {
            "Reading files": round(reading, 3),
            "Loading the model": round(loading, 3),
            **result.report["seconds"],
            "Writing files": round(perf_counter() - started, 3),
        }
        result.report["segments"] = [{"label": s.label, "key": s.key, "name": s.name, "color": list(s.color)} for s in result.structures]
        if request.sidecar:
            text = json.dumps(result.report, indent=2, ensure_ascii=False)
            outputs.temporary(sidecar).write_text(text + "\n", encoding="utf-8")
        if request.page:
            from neurospineseg.pages.html_page import Case, segments_of, write_page

            progress("Drawing the page", 0.0)
            write_page(outputs.temporary(page), [Case(request.task, volumes, result.labels, segments_of(result.report), result.report)])
    return result


def _read(request: Request, progress: Progress) -> dict[str, Volume]:
    from neurospineseg.images.volume import read_volume

    progress("Reading files", 0.0)
    with ThreadPoolExecutor(max(1, len(request.scans))) as pool:  # unpacking leaves Python's lock
        reads = [
            pool.submit(read_volume, path, frame=request.frame, orientation=request.orientation, compact=True)
            for path in request.scans.values()
        ]
        volumes = {}
        for name, read in zip(request.scans, reads):
            volumes[name] = read.result()
            progress("Reading files", len(volumes) / len(request.scans))
    return volumes


def _segmenter(request: Request, networks: dict[str, Any] | None) -> Segmenter:
    from neurospineseg.geometry.region import Region
    from neurospineseg.pipeline.segmenter import Segmenter, Settings

    options = dict(request.options)
    if options.get("region") is not None:
        options["region"] = Region.from_bounds(options["region"])
    return Segmenter(request.task, Settings(**options), networks)


def _write_mask(result: Result, path: Path, ending: str) -> None:
    if ending == SEGMENTATION_ENDING:
        from neurospineseg.images.segmentation_file import FileSegment, write_segmentation

        found = [FileSegment(each.key, each.name, each.label, each.color, segment_tags(each)) for each in result.structures]
        write_segmentation(result.labels, found, path)
    else:
        from neurospineseg.images.volume import write_volume

        write_volume(result.labels, path)
