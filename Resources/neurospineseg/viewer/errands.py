"""Work that takes seconds, done one after the other beside the server: measuring and surfaces."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from neurospineseg.errors import InputError


class Errand:
    """One piece of work.

    Attributes:
        done: whether it is over.
        result: what it gave; None where it failed.
        sentence: why it failed, for the user.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self.done = threading.Event()
        self.result: Any = None
        self.sentence = ""

    def run(self) -> None:
        try:
            self.result = self._work()
        except InputError as error:
            self.sentence = str(error)
        except MemoryError:
            self.sentence = "The computer ran out of memory; close other programs."
        except Exception as error:
            self.sentence = f"This is a fault of the program ({type(error).__name__})."
        finally:
            self.done.set()


class Errands:
    """A thread that does errands in their order, each once by its key. It ends with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: dict[tuple[Any, ...], Errand] = {}
        self._waiting: queue.Queue[Errand] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def of(self, key: tuple[Any, ...], work: Callable[[], Any]) -> Errand:
        """The errand of a key, begun with the first call."""
        with self._lock:
            if key not in self._by_key:
                self._by_key[key] = Errand(work)
                self._waiting.put(self._by_key[key])
            return self._by_key[key]

    def forget(self, first: Any) -> None:
        """Lets go of the results whose keys begin with something."""
        with self._lock:
            self._by_key = {key: errand for key, errand in self._by_key.items() if key[0] != first}

    def _run(self) -> None:
        while True:
            self._waiting.get().run()
