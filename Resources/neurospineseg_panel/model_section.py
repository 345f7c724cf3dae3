"""The models of a task: their list, what is said of the chosen one, and its card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from neurospineseg.models.catalog import ModelEntry, models_of
from neurospineseg_panel.wrapped_labels import fit

CARD_SIZE, GAP = (760, 640), 40


class ModelSection:
    """The selector of the models.

    Args:
        ui: the panel's widgets.
        task: name of the task.
        chosen: called with the name of the model that the user chose.
    """

    def __init__(self, ui: Any, task: str, chosen: Callable[[str], None]) -> None:
        self.ui, self._chosen = ui, chosen
        self.task = task
        self.models: list[ModelEntry] = []
        self.shown: ModelEntry | None = None
        self.list_models()
        ui.modelSelector.connect("currentIndexChanged(int)", self.onChosen)
        ui.noticeLabel.connect("linkActivated(QString)", self.onCard)

    def list_models(self) -> None:
        """Lists the installed models anew; what is chosen stays so until ``show``."""
        selector = self.ui.modelSelector
        blocked = selector.blockSignals(True)
        self.models = models_of(self.task)
        selector.clear()
        for model in self.models:
            selector.addItem(model.title or model.name, model.name)
        selector.blockSignals(blocked)
        if self.shown is not None:
            self.show(self.of_name(self.shown.name))

    def of_name(self, name: str) -> ModelEntry | None:
        """The model of a name, else the task's default; None where none is installed."""
        named = [model for model in self.models if model.name == name]
        return next(iter(named or self.models), None)

    def show(self, model: ModelEntry | None) -> None:
        self.shown = model
        if model is None:
            return
        blocked = self.ui.modelSelector.blockSignals(True)
        self.ui.modelSelector.setCurrentIndex(self.models.index(model))
        self.ui.modelSelector.blockSignals(blocked)
        link = f'<a href="card">{_("What the model reaches")}</a>'
        self.ui.noticeLabel.text = _("Research only; not for clinical use. {link}").format(link=link)
        self.ui.noticeLabel.toolTip = model_notice(model)
        fit(self.ui.noticeLabel)

    def onChosen(self, index: int) -> None:
        if 0 <= index < len(self.models):
            self._chosen(self.models[index].name)

    def onCard(self, link: str) -> None:
        """The card in a window of its own, which does not block the others."""
        if self.shown is None:
            return
        self._card = qt.QTextBrowser()
        self._card.setMarkdown(card_text(self.shown))
        self._card.windowTitle = _("Model card: {name}").format(name=self.shown.title or self.shown.name)
        self._card.resize(*CARD_SIZE)
        self._card.move(self._beside_panel())
        self._card.show()

    def _beside_panel(self) -> Any:
        """Where the card's window leaves the panel to be seen: to its right, or to its left where the panel is on the right."""
        button = self.ui.segmentButton
        left, right = button.mapToGlobal(qt.QPoint(0, 0)), button.mapToGlobal(qt.QPoint(button.width + GAP, 0))
        window = button.window()
        is_left = left.x() - window.x <= window.x + window.width - right.x() + 2 * GAP
        return qt.QPoint(right.x() if is_left else max(0, left.x() - CARD_SIZE[0] - GAP), max(0, window.y + GAP))


def card_text(model: ModelEntry) -> str:
    """The model's card in Markdown; of a model without one what is known of it."""
    return model.card.read_text(encoding="utf-8") if model.card.is_file() else model_notice(model)


def model_notice(model: ModelEntry) -> str:
    """What a model was trained on, what it reaches, and the warning."""
    parts = [model.summary, model.trained_on and _("Trained on {what}.").format(what=model.trained_on)]
    parts += [model.measured and _("Measured: {what}.").format(what=model.measured), _("Research only; not for clinical use.")]
    return " ".join(part for part in parts if part)
