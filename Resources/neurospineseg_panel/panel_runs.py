"""What the panel asks of the worker: it begins, shows its progress, and ends with a result or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.geometry.region import Region
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.stages import Stage
from neurospineseg_panel.host import Host
from neurospineseg_panel.installation_window import InstallationWindow
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.message_log import MessageLog
from neurospineseg_panel.messages import stage_text, time_text
from neurospineseg_panel.region_section import chosen_region
from neurospineseg_panel.run import Listener, Run
from neurospineseg_panel.segment_request import Choices, RefusedRequest, SegmentRequest, choices_of
from neurospineseg_panel.segmentation_result import SegmentationResult


class PanelRuns:
    """The panel's runs, one at a time.

    Args:
        host: the panel, for what the user chose.
        logic: of the module.
        messages: where progress and the end are told.
        progress_bar: from 0 to 1000.
        prepare_undo: makes what ``save_undo`` needs and what takes a moment.
        save_undo: called with a segmentation before a run changes it.
        segmented: called with the result of a segmentation.
        refresh: brings the panel up to date.
    """

    def __init__(
        self,
        host: Host,
        logic: SegmentLogic,
        messages: MessageLog,
        progress_bar: Any,
        *,
        prepare_undo: Callable[[], None],
        save_undo: Callable[[Any], None],
        segmented: Callable[[SegmentationResult], None],
        refresh: Callable[[], None],
    ) -> None:
        self.host, self.logic, self.messages = host, logic, messages
        self._bar, self._save_undo, self._segmented, self._refresh = progress_bar, save_undo, segmented, refresh
        self.refused: RefusedRequest | None = None
        self._prepare_undo = prepare_undo
        self._result: SegmentationResult | None = None
        self.installation = InstallationWindow(logic.declaration.name, messages.say)

    @property
    def busy(self) -> bool:
        return self._result is not None or (self.logic.run is not None and not self.logic.run.done)

    @property
    def can_insist(self) -> bool:
        """Whether the scans that were not what the model expects are still the chosen ones, and everything else too."""
        return not self.busy and self.refused is not None and self.refused.choices == self._choices()

    def when_installed(self, button: Any, action: Callable[[], None]) -> None:
        """Does what a button says, once all packages are there: then with what the panel shows then, if the button still can be clicked."""

        def go_on() -> None:
            if self.host.parameters is not None and button.enabled:
                action()
            else:
                self.messages.say(_("The scene was closed or changed meanwhile; choose anew, then click again."))

        if not self.installation.needed(button.text, go_on):
            action()

    def segment_as_chosen(self) -> None:
        """Begins a segmentation with what the panel says."""
        chosen = self.host.chosen
        try:
            self.segment(SegmentRequest(chosen.result, chosen.mergeRule, chosen_region(chosen)))
        except InputError as error:
            self.failed(str(error))

    def segment(self, request: SegmentRequest, force: bool = False) -> None:
        """Begins a segmentation; all problems end as a sentence in the panel.

        Args:
            force: whether scans that do not look like what the model expects are segmented too.
        """
        choices, self.refused = self._choices(), None

        def implausible(message: str) -> None:
            self.refused = RefusedRequest(request, choices)
            self.failed(message)

        def begin(listener: Listener) -> Run:
            listener.implausible = implausible
            return self.logic.start(
                self.host.scans(),
                self.settings(request.region, force),
                listener,
                request.target,
                request.rule,
                inside_only=request.inside_only,
                save_undo=self._save_undo,
                earlier=request.earlier,
            )

        self._begin(begin, self._tell_result)
        if request.target is not None:
            qt.QTimer.singleShot(0, self._prepare_undo)

    def insist(self) -> None:
        """Segments the scans that are not what the model expects."""
        if self.can_insist and self.refused is not None:
            self.segment(self.refused.request, force=True)

    def find_region(self, finished: Callable[[Region], None]) -> None:
        self._begin(
            lambda listener: self.logic.find_region(self.host.scans(), self.settings(None), listener),
            lambda found, notes: finished(found.region),
        )

    def begin(self, make_run: Callable[[Listener], Run], finished: Callable[[Any, list[str]], None]) -> None:
        self._begin(lambda listener: self.logic.begin(make_run(listener)), finished)

    def _begin(self, begin: Callable[[Listener], Run], finished: Callable[[Any, list[str]], None]) -> None:
        def ended(result: Any, notes: list[str]) -> None:
            finished(result, notes)
            if self._result is None:
                self._refresh_when_idle()

        try:
            begin(Listener(self._progress, ended, self.failed, self.messages.log))
        except InputError as error:
            self.failed(str(error))
            return
        self.messages.say("")
        self._refresh()

    def cancel(self) -> None:
        if self._result is not None:
            return
        chosen = self.host.chosen
        self.logic.cancel()
        self.logic.warm(chosen.model or None, chosen.device.value)
        self._refresh()

    def failed(self, message: str, detail: str = "") -> None:
        self.messages.say(message)
        self.messages.log(detail)
        self._refresh_when_idle()

    def _progress(self, stage: Stage, fraction: float, seconds: float | None) -> None:
        self.refused = None
        self._bar.setValue(round(1000 * fraction))
        self.messages.show(stage_text(stage) if seconds is None else f"{stage_text(stage)} – {time_text(seconds)}")

    def _tell_result(self, result: SegmentationResult, notes: list[str]) -> None:
        device, host = result.report["device"], self.logic.host
        if host is not None:
            device = _("{device} of '{computer}'").format(device=device, computer=host.name)
        done = _("Segmented by {model} in {seconds:.1f} s on {device}. Structures: {count}.").format(
            model=result.report["model"]["name"], seconds=self.logic.seconds, device=device, count=len(result.masks)
        )
        self.messages.say("\n".join([done, *notes]))
        self._result = result
        qt.QTimer.singleShot(0, self._show_result)

    def _show_result(self) -> None:
        """Shows what has come into the scene, in a turn of its own."""
        result, self._result = self._result, None
        if result is not None and self.logic.scene.IsNodePresent(result.node):
            self._segmented(result)
        self._refresh_when_idle()

    def forget(self) -> None:
        """The scene closes, or the module goes."""
        self.refused = self._result = None

    def settings(self, region: Any, force: bool = False) -> Settings:
        """What the panel's model, device, structures and options say."""
        chosen = self.host.chosen
        return self.logic.settings(
            model=chosen.model or None,
            device=chosen.device.value,
            region=region,
            structures=chosen.structures,
            register=chosen.register and self.logic.declaration.registers,
            force=force,
        )

    def _choices(self) -> Choices:
        return choices_of(self.host.chosen, self.host.scans())

    def _refresh_when_idle(self) -> None:
        qt.QTimer.singleShot(0, self._refresh)
