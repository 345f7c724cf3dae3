"""Asks the server behind the page as the page does, and stands for the worker that it asks."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np

from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.stages import Stage
from neurospineseg.viewer.server import ViewerServer
from neurospineseg.worker.protocol import Answer, Done, Progress, Refused
from neurospineseg.worker.requests import RunFiles
from neurospineseg.worker.results import FilesWritten


class Stub:
    """Stands for the worker: says that it is at work, then writes a mask where told, unless it is held back."""

    def __init__(self) -> None:
        self.asked: list[RunFiles] = []
        self.hold = threading.Event()
        self.stopped = threading.Event()
        self.doubt = ""

    def request(self, request: Any) -> int:
        self.asked.append(request)
        return len(self.asked)

    def poll(self) -> list[Answer]:
        return []

    def answers_to(self, number: int) -> list[Answer]:
        asked = self.asked[number - 1]
        if self.hold.is_set():
            return [Progress(Stage.SEGMENTING, 0.4)]
        if self.doubt and not asked.settings.force:
            return [Refused(self.doubt, forcible=True)]
        from neurospineseg.images.volume import read_volume

        reference = next(iter(asked.scans))
        scan = read_volume(asked.scans[reference])
        labels = Volume((scan.voxels > 200).astype(np.uint16) * 2, scan.ijk_to_ras)
        write_segmentation(labels, [FileSegment("edema", "Edema", 2, (10, 20, 30))], asked.output)
        return [Progress(Stage.SEGMENTING, 1.0), Done(FilesWritten({"reference": reference}, ("It was doubtful.",)))]

    def stop(self) -> None:
        self.stopped.set()


class Page:
    """Asks as the page does."""

    def __init__(self, server: ViewerServer) -> None:
        self.server, self.root = server, f"/{server.guard.token}/"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
        line = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=60)
        line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = line.getresponse()
        told = answer.status, answer.read(), answer.headers
        line.close()
        return told

    def get(self, path: str) -> Any:
        status, body, _ = self.ask("GET", self.root + path)
        assert status == 200, body
        return json.loads(body)

    def post(self, path: str, said: Any = None) -> tuple[int, Any]:
        status, body, _ = self.ask("POST", self.root + path, json.dumps(said or {}).encode())
        return status, json.loads(body)

    def drop(self, *files: Path, names: tuple[str, ...] = ()) -> str:
        number = self.post("drops")[1]["drop"]
        for file, name in zip(files, names or [file.name for file in files]):
            assert self.ask("PUT", f"{self.root}drops/{number}/files?name={name}", file.read_bytes())[0] == 204
        return number

    def until(self, condition: Callable[[], bool]) -> None:
        until = monotonic() + 60
        while not condition():
            assert monotonic() < until
            sleep(0.02)

    def job_over(self, number: str) -> dict[str, Any]:
        until = monotonic() + 60
        while (job := self.get(f"jobs/{number}"))["state"] == "running":
            assert monotonic() < until
            sleep(0.02)
        return job
