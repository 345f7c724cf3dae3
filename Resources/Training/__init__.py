"""Programs that prepare data, draw images, train, evaluate and compare."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from neurospineseg.errors import missing_package

OWN = ("neurospineseg", "Training")


def tell_missing(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Says in one sentence, in place of a traceback, which package of others' a program lacks that is just starting."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] not in OWN:
        print(missing_package(error), file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


_PROGRAM = getattr(sys.modules.get("__main__"), "__file__", None)
if _PROGRAM is not None and Path(_PROGRAM).resolve().parent == Path(__file__).resolve().parent:
    sys.excepthook = tell_missing
