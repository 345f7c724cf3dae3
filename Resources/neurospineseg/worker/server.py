"""The process that holds torch and the loaded models, so that a window that asks it for work never freezes.

It reads requests as JSON lines from its standard input and answers with JSON lines on its standard output; voxels lie as
``.npy`` files in one private folder, which both sides map into memory. It listens on no port. It ends when its input
ends (with the program that started it), on ``quit``, and after ``--idle`` seconds without work.

    python -m neurospineseg.worker.server --folder FOLDER [--idle SECONDS]

Requests have an ``id`` and an ``op``:

``warm``     task, model, device: loads the networks.
``segment``  task, inputs (name: {file, ijk_to_ras}), model, device, structures, region, register, force, doubts: writes
             ``labels`` (uint16) and ``doubt`` (uint8), both [k, j, i], and answers with the structures found. With ``inside``
             it also writes where the region lies.
``region``   the same inputs: answers with the box that is worth segmenting.
``files``    task, scans (name: path), output, settings: from files to files, as the shell does it.
``store``    task, inputs, labels, prediction (files), model, folder: keeps a corrected case.
``draw``     task, seed: draws a scan of the task and writes its images.

``files`` and ``store`` take the ``room`` too, a hidden folder beside the output for what is being written. Whoever ends this
process in mid-run removes it; when this process ends by itself, it does.

Answers have the request's ``id`` and an ``event``: ``progress`` (stage, fraction), ``done`` (the result), ``refused`` (the input
cannot be used; message, and ``doubtful`` where it would be with ``force``) or ``failed`` (message, detail). A line without an id tells that the process is ``ready``.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, TextIO

import numpy as np

from neurospineseg.errors import ImplausibleInput, InputError, missing_package
from neurospineseg.geometry.bounding_box import bounding_box
from neurospineseg.pipeline.memory import give_back
from neurospineseg.worker.private_folder import remove_folder, share_with

IDLE_SECONDS = 600.0
NICENESS = 5
"""Below the window's priority, which a thread less would not need; it would round sums otherwise than the shell's threads do."""
LEAST_PROGRESS_SECONDS = 0.1


class Worker:
    """Answers requests, one after the other, and keeps the networks.

    Args:
        folder: private folder of the voxel files.
        answers: where the JSON lines go.
    """

    def __init__(self, folder: Path, answers: TextIO) -> None:
        self.folder, self.answers = folder, answers
        self._networks: dict[str, Any] = {}
        self._told = 0.0
        self._room: Path | None = None

    def say(self, **answer: Any) -> None:
        """Writes an answer; where nobody is left to read it, the process ends."""
        try:
            self.answers.write(json.dumps(answer) + "\n")
            self.answers.flush()
        except OSError:
            self.leave(1)

    def leave(self, code: int) -> NoReturn:
        """Ends the process at once, from any thread, and takes its folder and what is half written away."""
        remove_folder(self.folder)
        if self._room is not None:
            remove_folder(self._room)
        os._exit(code)

    def answer(self, request: dict[str, Any]) -> None:
        """Does what a request asks; a fault in it never ends the process."""
        number = request.get("id")
        self._room = Path(request["room"]) if request.get("room") else None
        operations = {
            "warm": self.warm,
            "segment": self.segment,
            "region": self.region,
            "files": self.files,
            "store": self.store,
            "draw": self.draw,
        }
        try:
            operation = operations.get(request.get("op"))
            if operation is None:
                raise ValueError(f"no operation '{request.get('op')}'")
            self.say(id=number, event="done", result=operation(request))
        except InputError as error:
            self.say(id=number, event="refused", message=str(error), doubtful=isinstance(error, ImplausibleInput))
        except MemoryError:
            self.say(
                id=number, event="failed", message="This computer ran out of memory; choose a region of interest or close other programs."
            )
        except ImportError as error:
            self.say(id=number, event="failed", message=missing_package(error), detail=traceback.format_exc())
        except Exception as error:
            message = f"The segmentation failed ({type(error).__name__}); copy the report and send it to the developers."
            self.say(id=number, event="failed", message=message, detail=traceback.format_exc())
        finally:
            self._room = None

    def _progress(self, request: dict[str, Any]):
        last = None

        def tell(stage: str, fraction: float) -> None:
            nonlocal last
            now = monotonic()
            if stage != last or now - self._told >= LEAST_PROGRESS_SECONDS:
                last, self._told = stage, now
                self.say(id=request["id"], event="progress", stage=stage, fraction=round(float(fraction), 4))

        return tell

    def _segmenter(self, request: dict[str, Any], **more: Any):
        from neurospineseg.pipeline.segmenter import Segmenter
        from neurospineseg.pipeline.settings import Settings

        names = ("model", "device", "structures", "register", "force")
        settings = Settings.of({**{name: request[name] for name in names if request.get(name)}, **more})
        return Segmenter(request["task"], settings, self._networks)

    def _volumes(self, request: dict[str, Any]) -> dict[str, Any]:
        from neurospineseg.images.volume import Volume

        return {name: Volume(self._mapped(scan["file"]), np.array(scan["ijk_to_ras"], float)) for name, scan in request["inputs"].items()}

    def _mapped(self, name: str) -> np.ndarray:
        """Voxels as ``read_volume`` keeps them when compact; pages of the file itself where it has such a type."""
        from neurospineseg.images.volume import KEPT

        voxels = np.load(self.folder / name, mmap_mode="c", allow_pickle=False)
        return voxels if voxels.dtype in KEPT else np.asarray(voxels, np.float32)

    def warm(self, request: dict[str, Any]) -> dict[str, Any]:
        from neurospineseg.models.bundle import find_bundle

        segmenter = self._segmenter(request)
        segmenter.network(segmenter.bundle).to(segmenter.device)
        for helper in {segmenter.bundle.spec.locator, segmenter.bundle.spec.recognizer, segmenter.bundle.spec.coarse} - {None}:
            segmenter.network(find_bundle(helper)).to(segmenter.device)
        return {"model": segmenter.bundle.spec.name, "device": str(segmenter.device)}

    def region(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._segmenter(request).find_region(self._volumes(request), self._progress(request)).as_lists()

    def segment(self, request: dict[str, Any]) -> dict[str, Any]:
        from neurospineseg.geometry.region import Region
        from neurospineseg.tasks.task import task_named

        tell = self._progress(request)
        volumes = self._volumes(request)
        tell("Loading the model", 0.0)
        region = request.get("region")
        if region == "auto":
            searcher = self._segmenter(request)
            region = None if searcher.bundle.spec.locator is not None else searcher.find_region(volumes, tell)
        elif region is not None:
            region = Region.from_lists(region)
        inside = None
        if request.get("inside") and region is not None:
            region.part_of(next(iter(volumes.values())).grid, 0.0)
            inside, region = region, (None if task_named(request["task"]).renumbers else region)
        segmenter = self._segmenter(request, region=region, uncertainty=bool(request.get("doubts")))
        result = segmenter.run(volumes, tell)
        labels = result.labels.voxels
        number = request["id"]
        np.save(self.folder / f"{number}-labels.npy", labels)
        if result.uncertainty is not None:
            np.save(self.folder / f"{number}-doubt.npy", result.uncertainty)
        names = {structure.label: structure for structure in _structures(request["task"])}
        return {
            "labels": f"{number}-labels.npy",
            "doubt": f"{number}-doubt.npy" if result.uncertainty is not None else None,
            "inside": self._write_inside(number, inside, result.labels.grid),
            "sought": [structure.key for structure in segmenter.sought],
            "found": [
                {"key": structure.key, "label": structure.label, "box": box}
                for structure, box in ((s, box_of(labels, s.label)) for s in result.structures)
                if box is not None
            ],
            "doubtful": [
                {"ras": list(place.ras), "key": names[place.label].key, "marked": place.marked, "ml": place.ml, "score": place.score}
                for place in result.uncertain_regions
                if place.label in names
            ],
            "report": result.report,
            "warnings": list(dict.fromkeys(result.warnings)),
        }

    def _write_inside(self, number: int, region: Any, grid: Any) -> dict[str, Any] | None:
        """Where a region lies on the scan's grid: uint8 (K, J, I), cropped, and its first voxel (k, j, i)."""
        if region is None:
            return None
        inside = region.contains(grid).view(np.uint8)
        box = box_of(inside, 1)
        if box is None:
            raise InputError("The box of the region holds no voxel of the scan; make it larger.")
        k0, k1, j0, j1, i0, i1 = box
        np.save(self.folder / f"{number}-inside.npy", inside[k0:k1, j0:j1, i0:i1])
        return {"file": f"{number}-inside.npy", "start": [k0, j0, i0]}

    def store(self, request: dict[str, Any]) -> dict[str, Any]:
        from neurospineseg.images.volume import Volume
        from neurospineseg.pipeline.corrections import store_correction

        def volume(scan: dict[str, Any]) -> Volume:
            return Volume(np.load(self.folder / scan["file"], mmap_mode="r", allow_pickle=False), np.array(scan["ijk_to_ras"], float))

        scans = {name: volume(scan) for name, scan in request["inputs"].items()}
        first = next(iter(scans.values()))
        labels = Volume(np.load(self.folder / request["labels"], allow_pickle=False), first.ijk_to_ras)
        prediction = np.load(self.folder / request["prediction"], allow_pickle=False) if request.get("prediction") else None
        cases, task, model = Path(request["folder"]), request["task"], request.get("model")
        folder, scores = store_correction(cases, task, scans, labels, prediction, model, self._room)
        return {"folder": str(folder), "dice": scores}

    def files(self, request: dict[str, Any]) -> dict[str, Any]:
        from neurospineseg.pipeline.file_job import FileJob, run_file_job
        from neurospineseg.pipeline.settings import Settings

        scans = {name: Path(path) for name, path in request["scans"].items()}
        settings = Settings.of(request.get("settings") or {})
        job = FileJob(request["task"], scans, Path(request["output"]), settings, staging=self._room)
        result = run_file_job(job, self._progress(request), self._networks)
        return {"report": result.report, "warnings": list(dict.fromkeys(result.warnings))}

    def draw(self, request: dict[str, Any]) -> dict[str, Any]:
        from Training.synthetic.phantoms import phantom

        images, affine, _labels = phantom(request["task"], int(request.get("seed", 0)))
        for name, image in images.items():
            np.save(self.folder / f"drawn-{name}.npy", np.asarray(image))
        return {"images": {name: f"drawn-{name}.npy" for name in images}, "ijk_to_ras": np.asarray(affine, float).tolist()}


def _structures(task: str):
    from neurospineseg.tasks.anatomy import structures_of

    return structures_of(task)


def box_of(labels: np.ndarray, label: int) -> list[int] | None:
    """The smallest [k0, k1, j0, j1, i0, i1) that holds a label value; None where there is none."""
    box = bounding_box(labels == label)
    return None if box is None else [n for sides in zip(*box) for n in sides]


def rest() -> None:
    """Hands back what no request needs any more, so that an idle worker leaves memory to others."""
    give_back()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def serve(folder: Path, idle_seconds: float, lines: TextIO, answers: TextIO) -> NoReturn:
    """Answers until ``quit`` or until nothing was asked for ``idle_seconds``; then the process ends.

    A thread watches the input: when it ends, in mid-run too, the folder is removed and the process ends.
    """
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    worker = Worker(folder, answers)

    def read() -> None:
        code = 1
        try:
            for line in lines:
                if line.strip():
                    requests.put(json.loads(line))
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            worker.leave(code)

    worker.say(event="ready", pid=os.getpid())
    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            request = requests.get(timeout=idle_seconds)
        except queue.Empty:
            worker.say(event="idle")
            worker.leave(0)
        if request.get("op") == "quit":
            worker.leave(0)
        worker.answer(request)
        rest()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS)
    options = parser.parse_args()
    share_with(options.folder, os.getpid())
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    lines = os.fdopen(os.dup(0), "r", encoding="utf-8")
    serve(options.folder, options.idle, lines, answers)


if __name__ == "__main__":
    main()
