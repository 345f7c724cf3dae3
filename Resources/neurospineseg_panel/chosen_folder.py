"""The folder of wheels that packages are installed from, for computers without a network; Slicer's settings remember it."""

from __future__ import annotations

from pathlib import Path

KEY = "NeuroSpineSeg/WheelsFolder"


def chosen_folder() -> Path | None:
    """The folder; None where packages come from the network."""
    try:
        import qt
    except ImportError:  # Slicer's Python without the application
        return None
    chosen = qt.QSettings().value(KEY)
    return Path(chosen) if chosen else None


def choose_folder(folder: Path | None) -> None:
    """Remembers a folder; None for the network."""
    import qt

    settings = qt.QSettings()
    if folder is None:
        settings.remove(KEY)
    else:
        settings.setValue(KEY, str(folder))
