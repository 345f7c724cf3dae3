"""What one module is for: all that differs between the modules and that the task itself does not say."""

from __future__ import annotations

from dataclasses import dataclass

from neurospineseg.tasks.channel import Channel
from neurospineseg.tasks.task import task_named


@dataclass(frozen=True)
class ModuleDeclaration:
    """A module's declaration.

    Attributes:
        name: of the module, e.g. ``TumorSeg``.
        task: name of a registered task, e.g. ``tumor``; what scans it takes and what can be done with its result comes from there.
        result_name: of a new segmentation node, in words for people; ``{scan}`` stands for the scan's name.
        sample_name: of its drawn sample scan, in words for people; for tasks that have one.
    """

    name: str
    task: str
    result_name: str
    sample_name: str = ""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The scans that the module takes, in the order of the panel."""
        return task_named(self.task).channels

    @property
    def channel_keys(self) -> tuple[str, ...]:
        return task_named(self.task).channel_keys

    @property
    def renumbers(self) -> bool:
        """Whether its result is a chain of vertebrae that can be renumbered."""
        return task_named(self.task).renumbers

    @property
    def registers(self) -> bool:
        """Whether several scans may have to be aligned."""
        return task_named(self.task).registers
