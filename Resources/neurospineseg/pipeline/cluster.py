"""The connection to a Dask cluster that is there: who works in it, who of them can work for a batch, and how cases get to them.

What a worker is told and tells is of JSON's own types; see ``cluster_case`` for what it does and ``dealing`` for who gets which case.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any
from uuid import uuid4

from neurospineseg import __version__
from neurospineseg.errors import InputError
from neurospineseg.exports.optional_package import need
from neurospineseg.models.catalog import model_folders
from neurospineseg.models.fingerprint import fingerprint, model_folder
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.cluster_case import tidied, token_of

CONNECT_SECONDS = 10
LOOK_SECONDS = 2.0
MOST_AT_ONCE = 3
"""Cases that a worker without a declared GPU has: one is read, one segmented, one written; no more than its threads."""
GPU = "GPU"
"""What workers call the resource that one case takes whole: ``dask worker --resources GPU=1``."""
GO_ON = "the masks that were written are kept: run the command again to go on."


def called_there(name: str, version: str = __version__) -> Callable[..., dict[str, Any]]:
    """A function that calls one of this package, by name: Dask sends it as it is, so that whoever lacks the package can say so.

    Dask gives its worker to what ``Client.run`` runs there; then its resources are in the answer too.
    """

    def call(order: Mapping[str, Any], dask_worker: Any = None) -> dict[str, Any]:
        from importlib import import_module

        try:
            found = import_module("neurospineseg").__version__
        except ImportError:
            return {"unfit": "lacks the package neurospineseg; install it there"}
        if found != version:
            return {"unfit": f"has neurospineseg {found} and this computer {version}; install the same version there"}
        module, _, function = name.rpartition(".")
        answer = getattr(import_module(f"neurospineseg.pipeline.{module}"), function)(order)
        return answer if dask_worker is None else {"resources": dict(dask_worker.state.total_resources), **answer}

    return call


@dataclass(frozen=True)
class Worker:
    """A worker that can segment cases of the batch.

    Attributes:
        at_once: how many cases it has at most.
        has_gpu: whether it declares one; a case takes it whole then.
    """

    address: str
    at_once: int
    has_gpu: bool = False


class Cluster:
    """The connection to a cluster, as ``with`` opens and closes it.

    Args:
        address: of its scheduler, such as ``tcp://scheduler:8786``.
        warn: told in sentences what is to be known of workers.

    Raises:
        InputError: the package ``distributed`` is missing; (on entering) the scheduler cannot be reached, or has no workers.
    """

    def __init__(self, address: str, warn: Callable[[str], None] = print) -> None:
        need("distributed", "A Dask cluster")
        self.address, self._warn = address, warn
        self._client: Any = None
        self._order: dict[str, Any] = {}
        self._connected: set[str] = set()
        self._fit: dict[str, Worker] = {}
        self._unfit: dict[str, str] = {}
        self._due, self._tells_of_none = 0.0, False

    def __enter__(self) -> Cluster:
        from distributed import Client

        for name in ("distributed", "distributed.client", "distributed.core"):  # it tells of lost connections in tracebacks
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            asyncio.run(_reach(self.address))  # a Client that cannot would hang when it is forgotten
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions that differ, of which ``check`` says what matters
                self._client = Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False, name="neurospineseg")
        except Exception as error:  # Dask raises many kinds
            keys = "; the certificates for tls are named in Dask's own configuration" if self.address.startswith("tls:") else ""
            raise InputError(
                f"The scheduler '{self.address}' cannot be reached ({type(error).__name__}); start it with `dask scheduler`, or correct the address, such as tcp://scheduler:8786{keys}."
            ) from error
        try:
            if not self.asked(self._client.nthreads):
                raise InputError(f"The scheduler '{self.address}' has no workers; start some with `dask worker {self.address}`.")
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(Exception):  # a scheduler that is gone must not hide what came of the cases
            self._client.close(timeout=CONNECT_SECONDS)

    def check(self, cases: Sequence[Case], output: Path, task: str, model: str | None) -> None:
        """Asks every worker whether it can segment these cases into a folder whose lock is held; says who cannot, and why.

        Raises:
            InputError: none of them can.
        """
        self._order = {"folder": _folder_of(cases), "output": os.path.abspath(output), "token": token_of(output)}
        self._order |= {"task": task, "model": model, "fingerprint": fingerprint(task, model)}
        self._due = 0.0
        if self.workers():
            return
        if not self._unfit:
            raise InputError(f"The scheduler '{self.address}' has lost its workers; start others with `dask worker {self.address}`.")
        worker, why = next(iter(self._unfit.items()))
        raise InputError(f"No worker can segment these cases: the worker {worker} {why}.")

    @property
    def order(self) -> Mapping[str, Any]:
        """What every worker of the batch is told: see ``cluster_case``."""
        return self._order

    def workers(self) -> Mapping[str, Worker]:
        """Those that can segment, by address; they come and go while a batch runs. It is looked every other second.

        Raises:
            InputError: the scheduler is gone.
        """
        if monotonic() >= self._due:
            found = self.asked(self._client.nthreads)
            for address in self._fit.keys() - found.keys():
                del self._fit[address]
                self._warn(f"The worker {address} has gone; its cases are segmented by others.")
            self._connected = set(found)
            self._judge({address: found[address] for address in sorted(found) if address not in self._fit and address not in self._unfit})
            self._due = monotonic() + LOOK_SECONDS
            if not self._fit and self._tells_of_none:
                self._warn("No worker is left that can go on; the batch waits for others.")
            self._tells_of_none = bool(self._fit)
        return self._fit

    def is_connected(self, worker: str) -> bool:
        """Whether a worker was there when it was looked last."""
        return worker in self._connected

    def leave_out(self, worker: str, why: str) -> None:
        """Gives a worker no more cases."""
        if worker not in self._unfit:
            self._unfit[worker] = why
            self._fit.pop(worker, None)
            self._warn(f"The worker {worker} {why}; it is given no cases.")

    def submit(self, function: str, order: Mapping[str, Any], worker: Worker) -> Any:
        """Gives a worker something to do; returns Dask's future.

        Raises:
            InputError: the scheduler is gone.
        """
        return self.asked(
            lambda: self._client.submit(
                called_there(function),
                order,
                key=f"neurospineseg-{uuid4().hex}",  # no name of a case: everybody may look at a cluster's tasks
                workers=[worker.address],
                resources={GPU: 1} if worker.has_gpu else None,
                pure=False,
            )
        )

    def cancel(self, futures: Sequence[Any]) -> None:
        """Lets nobody begin with these any more."""
        with suppress(Exception):  # the scheduler may be gone
            self._client.cancel(futures, force=True)

    def tidy(self) -> None:
        """Clears away, here and on all computers that have workers, what lost workers have left in the folder of the masks."""
        tidied(self._order)
        with suppress(Exception):  # a later run into that folder does it too
            self._client.run(called_there("cluster_case.tidied"), self._order, workers=list(self._fit), on_error="return")

    def asked(self, ask: Callable[[], Any]) -> Any:
        """What the scheduler answers.

        Raises:
            InputError: it does not.
        """
        try:
            if self._client.status not in ("closed", "closing"):
                return ask()
        except (OSError, RuntimeError) as error:  # a TimeoutError and what Dask raises where it is not connected are some of these
            raise InputError(f"The scheduler '{self.address}' was lost; {GO_ON}") from error
        raise InputError(f"The scheduler '{self.address}' was lost; {GO_ON}")

    def _judge(self, threads: Mapping[str, int]) -> None:
        """Asks workers that are new whether they can work for the batch; to those of another Python no function can be sent."""
        if not threads:
            return
        versions = self.asked(self._client.get_versions)["workers"]
        here = _minor(platform.python_version())
        fit = []
        for worker in threads:
            there = _minor(versions.get(worker, {}).get("host", {}).get("python") or here)
            if there == here:
                fit.append(worker)
            else:
                self.leave_out(worker, f"runs Python {there} and this computer {here}; use the same there")
        function = called_there("cluster_case.judged")
        answers = self.asked(lambda: self._client.run(function, self._order, workers=fit, on_error="return")) if fit else {}
        for worker, answer in sorted(answers.items()):
            if isinstance(answer, OSError):
                continue  # it has gone, or is looked for again
            if isinstance(answer, BaseException):
                answer = {"unfit": f"could not be asked ({type(answer).__name__}); look into its log"}
            if "unfit" in answer:
                self.leave_out(worker, answer["unfit"])
            else:
                has_gpu = answer["resources"].get(GPU, 0) >= 1
                self._fit[worker] = Worker(worker, 1 if has_gpu else max(1, min(threads[worker], MOST_AT_ONCE)), has_gpu)


async def _reach(address: str) -> None:
    """
    Raises:
        Exception: of many kinds: no scheduler answers there, the address is none, or certificates for ``tls:`` are missing.
    """
    from distributed import Security
    from distributed.comm import connect

    comm = await connect(address, timeout=CONNECT_SECONDS, **Security().get_connection_args("client"))
    await comm.close()


def model_for_all(task: str, model: str | None) -> str | None:
    """A model as other computers find it too: by its name, or by the whole path of its folder."""
    folder = None if model is None else model_folder(task, model)
    return model if folder is None or folder.parent in model_folders() else os.path.abspath(folder)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _folder_of(cases: Sequence[Case]) -> str:
    """A folder that holds scans, for a worker to look at; the root where no case has any."""
    for case in cases:
        if case.dicom is not None:
            return os.path.abspath(case.dicom)
        for path in case.scans.values():
            return os.path.abspath(path.parent)
    return os.path.abspath(os.sep)
