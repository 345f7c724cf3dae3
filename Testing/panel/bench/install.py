"""Puts the bench in place of what the application brings."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from Testing.panel.bench import ctk_widgets, mrml_widgets, parameter_node, pythonqt, scripted_module
from Testing.panel.bench.application import Application, Modules, make_packaging, make_sample_data, new_scene, patch_util
from Testing.panel.bench.ui_loader import UiLoader

STAND_INS = {
    "i18n": scripted_module.make_i18n,
    "ScriptedLoadableModule": scripted_module.make_module,
    "parameterNodeWrapper": parameter_node.make_module,
}


def install() -> Application:
    """Makes ``qt``, ``ctk``, ``SampleData`` and the application's side of ``slicer`` importable, once; returns ``slicer.app``."""
    if isinstance(getattr(slicer, "app", None), Application):
        return slicer.app
    app = Application()
    QtCore.QSettings.setPath(QtCore.QSettings.Format.NativeFormat, QtCore.QSettings.Scope.UserScope, tempfile.mkdtemp())
    QtCore.QCoreApplication.setOrganizationName("bench")
    QtCore.QCoreApplication.setApplicationName("bench")
    sys.modules["qt"] = pythonqt.make_module()
    sys.modules["ctk"] = ctk_widgets.make_module()
    widgets = mrml_widgets.make_classes()
    for name, kind in widgets.items():
        setattr(slicer, name, kind)
    slicer.app, slicer.modules, slicer.selfTests, slicer.loadedModules = app, Modules(), {}, {}
    slicer.mrmlScene = new_scene()
    slicer.dicomDatabase = None
    slicer.packaging = sys.modules["slicer.packaging"] = make_packaging(app)
    qt, ctk = sys.modules["qt"], sys.modules["ctk"]
    classes = {name: kind for module in (qt, ctk) for name, kind in vars(module).items() if isinstance(kind, type)}
    patch_util(app, UiLoader({**classes, **widgets, "Line": QtWidgets.QFrame}))
    source = os.environ.get("NEUROSPINESEG_SLICERS_OWN")
    for name, make in STAND_INS.items():
        module = _slicers_own(name, Path(source)) if source else make()
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
    sys.modules["SampleData"] = _slicers_own_sample_data(Path(source)) if source else make_sample_data()
    return app


def _slicers_own_sample_data(source: Path) -> types.ModuleType:
    sys.path.append(str(source / "Modules" / "Scripted" / "SampleData"))
    return importlib.import_module("SampleData")


def _slicers_own(name: str, source: Path) -> types.ModuleType:
    """A module of Slicer's sources under its own name."""
    folder = source / "Base" / "Python" / "slicer"
    if str(folder) not in slicer.__path__:
        slicer.__path__.append(str(folder))
        _fill_in_what_slicers_own_needs()
    return importlib.import_module(f"slicer.{name}")


def _fill_in_what_slicers_own_needs() -> None:
    def missing(*arguments: Any, **keywords: Any) -> None:
        raise AssertionError("not on the bench")

    app = slicer.app
    app.translate = lambda context, text: text
    app.settings = app.userSettings = lambda: types.SimpleNamespace(value=lambda *a: None)
    slicer.util.settingsValue = lambda key, default, converter=None, settings=None: default
    for name in (
        "qMRMLCheckableNodeComboBox",
        "qMRMLRangeWidget",
        "qMRMLSliderWidget",
        "qMRMLSpinBox",
        "qMRMLCoordinatesWidget",
        "qMRMLSubjectHierarchyComboBox",
    ):
        if not hasattr(slicer, name):
            setattr(slicer, name, type(name, (), {}))
