"""``neurospineseg models``: the installed models, and one of them as a plain MONAI Bundle."""

from __future__ import annotations

import argparse

from neurospineseg.cli.console import out, table
from neurospineseg.models.bundle import Bundle, find_bundle, surveyed_bundles
from neurospineseg.tasks.task import refused_declarations

ROLES = {"segment": "{task}", "locate": "{task} (locator)", "recognize": "checks scans"}


def models(options: argparse.Namespace) -> None:
    """Runs the command."""
    if options.action == "export":
        from neurospineseg.models.export import export_bundle

        print(f"The model was written to {export_bundle(find_bundle(options.name), options.folder).folder}.")
    else:
        list_models()


def list_models() -> None:
    """Prints a table of the installed models; those that only help others come last. Under it those that cannot be used, and tasks likewise."""
    bundles, sentences = surveyed_bundles()
    bundles = [bundle for role in ROLES for bundle in bundles if bundle.spec.role == role]
    if bundles:
        out().print(table(None, ("Model", "Task", "Version", "MB", "What it does"), [_row(bundle) for bundle in bundles], right=(3,)))
    else:
        out().print("No model is installed." if not sentences else "No model that is installed can be used.")
    for sentence in [*sentences, *(f"Task left out: {refused}" for refused in refused_declarations())]:
        print(sentence)


def _row(bundle: Bundle) -> tuple[str, ...]:
    spec = bundle.spec
    task = ROLES[spec.role].format(task=spec.task)
    words = f"{spec.summary} For {spec.modalities}." if spec.modalities else spec.summary
    return (spec.name, task, spec.version, f"{bundle.weights.stat().st_size / 1e6:.1f}", words)
