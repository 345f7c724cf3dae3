"""The part of the panel in which corrections teach: how many there are, how the model did, a new model made of them and offered with its figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import use_failed
from neurospineseg.pipeline.correction_history import CorrectionHistory, read_corrections
from neurospineseg.pipeline.fine_tuning import (
    DONE,
    FAILED,
    LEAST_CASES,
    Figures,
    TuningProgress,
    ask_pause,
    free_name,
    missing_training_packages,
    runs_folder,
    unfinished_run,
)
from neurospineseg_panel.correction_plot import draw_history
from neurospineseg_panel.host import Host
from neurospineseg_panel.measure_plots import show_chart
from neurospineseg_panel.messages import time_text
from neurospineseg_panel.tuning_process import TuningProcess
from neurospineseg_panel.wrapped_labels import fit

POLL_MILLISECONDS = 500
BAR = 1000


class TeachSection:
    """What stands below *Accept correction*.

    Args:
        ui: the panel's widgets.
        host: the panel around it.
        task: name of the task.
        model: gives the name of the chosen model; empty where none is installed.
        offered: called with the name of a new model that the user wants to use.
        listed: called when a new model is there.
    """

    def __init__(
        self, ui: Any, host: Host, task: str, model: Callable[[], str], offered: Callable[[str], None], listed: Callable[[], None]
    ) -> None:
        self.ui, self.host, self.task = ui, host, task
        self._model, self._offered, self._listed = model, offered, listed
        self.history = CorrectionHistory(())
        self.tuning: TuningProcess | None = None
        self._folder = ""
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MILLISECONDS)
        self._timer.connect("timeout()", self.onPoll)
        ui.teachBar.setRange(0, BAR)
        ui.teachButton.connect("clicked(bool)", self.onTeach)
        ui.teachPauseButton.connect("clicked(bool)", self.onPause)
        ui.teachCancelButton.connect("clicked(bool)", self.onCancel)
        ui.teachPlotButton.connect("clicked(bool)", self.onPlot)
        self.look_for_run()

    def look_for_run(self) -> None:
        """Takes up a run that was begun before Slicer was closed, or by another Slicer."""
        if self.tuning is None and (run := unfinished_run(self.task)) is not None:
            self.tuning = TuningProcess(run)
            self._listed()
        self.onPoll()

    def show(self, folder: str, anew: bool = False) -> None:
        """Counts the corrections of a folder, where it is another one or has changed."""
        if folder == self._folder and not anew:
            return
        self._folder = folder
        try:
            self.history = read_corrections(Path(folder), self.task) if folder else CorrectionHistory(())
        except InputError:
            self.history = CorrectionHistory(())
        self._update()

    def onPoll(self) -> None:
        """Follows the run."""
        told = self.tuning.progress() if self.tuning is not None else None
        if self.tuning is not None and (problem := self.tuning.failure() or (told.message if told and told.state == FAILED else "")):
            if told is not None and told.is_interrupted:
                self.tuning.stop()
            else:
                self.tuning.forget()
                self.tuning = None
            self.host.say(_("The fine-tuning failed: {problem}").format(problem=problem))
        elif told is not None and told.state == DONE:
            self._listed()
        self._update()

    def onTeach(self, checked: bool = False) -> None:
        """Begins, goes on, or takes the new model, whatever the button says."""
        told = self.tuning.progress() if self.tuning is not None else None
        if told is not None and told.state == DONE:
            self._end(told)
            self._offered(told.name)
            self.host.say(_("'{name}' is used from now on; '{old}' stays in the list.").format(name=told.name, old=told.model))
        elif told is not None:
            self._start(Path(told.corrections), told.model, told.name)
        elif self.tuning is None:
            self.host.when_installed(self.ui.teachButton, self._begin)

    def _begin(self) -> None:
        name = free_name(self._model())
        self.tuning = TuningProcess(runs_folder() / name)
        self._start(Path(self._folder), self._model(), name)

    def _start(self, corrections: Path, model: str, name: str) -> None:
        assert self.tuning is not None
        if missing := missing_training_packages():
            words = _(
                "Fine-tuning needs Python packages that segmenting does not ({names}); enter {command} in the Python console, then click again."
            )
            self.host.say(words.format(names=", ".join(missing), command=f"slicer.util.pip_install('{' '.join(missing)}')"))
            self.tuning = self.tuning if self.tuning.progress() is not None else None
            self._update()
            return
        device = self.host.chosen.device.value
        try:
            self.tuning.start(corrections, model, name, device if device in ("auto", "cuda") else "cpu")
        except (InputError, OSError) as error:
            if self.tuning.progress() is None:
                self.tuning.forget()
                self.tuning = None
            self.host.say(str(error) if isinstance(error, InputError) else str(use_failed(error)))
        self._update()

    def onPause(self, checked: bool = False) -> None:
        if self.tuning is not None:
            ask_pause(self.tuning.run, not self.tuning.is_paused)
        self._update()

    def onCancel(self, checked: bool = False) -> None:
        """Cancels the run, or keeps the old model and leaves the new one in the list."""
        if self.tuning is None:
            return
        told = self.tuning.progress()
        if told is not None and told.state == DONE:
            self._end(told)
            self.host.say(_("'{old}' is used as before; '{name}' is in the list of models.").format(name=told.name, old=told.model))
        else:
            self.tuning.forget()
            self.tuning = None
            self.host.say(_("The fine-tuning was canceled; no model was changed."))
        self._update()

    def _end(self, told: TuningProgress) -> None:
        assert self.tuning is not None
        self.tuning.forget()
        self.tuning = None
        self._listed()
        self._update()

    def onPlot(self, checked: bool = False) -> None:
        show_chart(draw_history(self.task, self.history.judged))

    def stop(self) -> None:
        """Slicer ends, or the module is unloaded: the run stops and can be gone on with."""
        self._timer.stop()
        if self.tuning is not None:
            self.tuning.stop()

    def _update(self) -> None:
        ui, told = self.ui, self.tuning.progress() if self.tuning is not None else None
        done = told is not None and told.state == DONE
        lives = self.tuning is not None and not done and (self.tuning.is_mine or (told is not None and not told.is_interrupted))
        (self._timer.start if lives else self._timer.stop)()
        ui.teachBar.setVisible(bool(lives))
        ui.teachPauseButton.setVisible(bool(lives))
        ui.teachCancelButton.setVisible(self.tuning is not None)
        ui.teachButton.setVisible(not lives)
        ui.teachPlotButton.enabled = bool(self.history.judged)
        ui.teachPauseButton.text = _("Go on") if self.tuning is not None and self.tuning.is_paused else _("Pause")
        ui.teachCancelButton.text = _("Keep the old model") if done else _("Cancel fine-tuning")
        ui.teachButton.text = (
            _("Use the new model") if done else _("Go on with fine-tuning") if self.tuning else _("Fine-tune on my corrections")
        )
        ui.teachButton.enabled = self.tuning is not None or (len(self.history.teaching) >= LEAST_CASES and bool(self._model()))
        ui.teachBar.setValue(round(BAR * told.fraction) if told is not None else 0)
        ui.teachLabel.text = self._words(told, bool(lives))
        fit(ui.teachLabel)

    def _words(self, told: TuningProgress | None, lives: bool) -> str:
        if told is not None and told.state == DONE:
            return _("The new model '{name}' is ready. {figures} Use it from now on?").format(
                name=told.name, figures=" ".join(figures_in_words(told))
            )
        if self.tuning is not None and lives:
            if told is None:
                return _("The training program starts ...")
            left = f", {time_text(told.seconds)}" if told.seconds is not None else ""
            waits = _(" Paused.") if self.tuning.is_paused else ""
            return (
                _("{stage} ({percent} %{left}).").format(stage=stage_in_words(told.stage), percent=round(100 * told.fraction), left=left)
                + waits
            )
        if told is not None:
            return _("A fine-tuning of '{model}' was interrupted at {percent} %.").format(
                model=told.model, percent=round(100 * told.fraction)
            )
        return history_in_words(self.history) if self._folder else learning_in_words()


def history_in_words(history: CorrectionHistory) -> str:
    """How many corrections there are and how the model did on them."""
    cases, versions, judged = len(history.teaching), len(history.corrections), history.judged
    if not cases:
        return _("No corrections are in the folder yet.") + " " + learning_in_words()
    text = _("{cases} corrected scans in {versions} versions.").format(cases=cases, versions=versions)
    if judged:
        means = [each.mean_dice or 0.0 for each in judged]
        words = _("Mean Dice before correction {mean:.2f}, of the last one {last:.2f}.")
        text += " " + words.format(mean=sum(means) / len(means), last=means[-1])
    if cases < LEAST_CASES:
        text += " " + learning_in_words()
    return text


def learning_in_words() -> str:
    return _("A model can learn from {least} corrected scans and more.").format(least=LEAST_CASES)


def figures_in_words(told: TuningProgress) -> list[str]:
    """Sentences with the figures of both models."""
    sentences = []
    if told.corrected is not None:
        sentences.append(_pair(_("On corrected scans that taught neither ({count})"), told.corrected, told))
        if told.corrected.new <= told.corrected.old:
            sentences.append(_("It did not get better there; the old one is the safer choice."))
    if told.drawn is not None:
        sentences.append(_pair(_("On drawn scans as the old one knew them ({count})"), told.drawn, told))
    return sentences


def _pair(where: str, figures: Figures, told: TuningProgress) -> str:
    words = _("mean Dice {new:.3f}, '{old_name}' reaches {old:.3f}.").format(new=figures.new, old=figures.old, old_name=told.model)
    return where.format(count=figures.cases) + ": " + words


def stage_in_words(stage: str) -> str:
    known = {
        "Preparing": _("Preparing"),
        "Measuring the model as it is": _("Measuring the model as it is"),
        "Learning": _("Learning"),
        "Measuring the new model": _("Measuring the new model"),
    }
    return known.get(stage, stage)
