"""How the tests are shared out among several processes: a file each, in the order of ``testpaths``."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

IN_PIECES = ("Testing/panel/test_self_tests.py", "Testing/training/test_five_ways.py", "Testing/benchmarks/")
"""Where the tests share nothing that is costly and take minutes together."""


class FileAfterFile(LoadFileScheduling):
    """The first files first, not those with the most tests, so that what is quick and tells most fails first and benchmarks come last."""

    def __init__(self, config, log) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(IN_PIECES) else super()._split_scope(nodeid)
