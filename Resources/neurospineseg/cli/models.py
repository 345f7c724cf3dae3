"""``neurospineseg models``: the installed models; adds one, removes one, writes one as a plain MONAI Bundle."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from neurospineseg.cli.console import out, say, table
from neurospineseg.errors import InputError
from neurospineseg.models.bundle import Bundle, find_bundle, surveyed_bundles
from neurospineseg.tasks.task import refused_declarations

ROLES = {"segment": "{task}", "locate": "{task} (locator)", "recognize": "checks scans"}


def models(options: argparse.Namespace) -> None:
    """Runs the command."""
    if options.action == "export":
        from neurospineseg.models.export import export_bundle

        print(f"The model was written to {export_bundle(find_bundle(options.name), options.folder).folder}.")
    elif options.action == "add":
        add(options)
    elif options.action == "remove":
        from neurospineseg.models.removal import remove_model

        print(f"The model was removed: {remove_model(options.name)}.")
    else:
        list_models()


def add(options: argparse.Namespace) -> None:
    """Adds a model and tells how it is used, and what its scans and labels were taken for."""
    from neurospineseg.pipeline.adding import Wishes, add_model
    from neurospineseg.pipeline.matching import Unmatched

    wishes = Wishes(options.name, options.task, pairs(options.channel, "channel"), pairs(options.label, "label"))
    try:
        added = add_model(options.path, wishes)
    except Unmatched as error:
        raise InputError(f'{error} Say so with --channel "{error.names[0]}=SCAN".') from error
    spec = added.bundle.spec
    for note in added.notes:
        say(f"Warning: {note}")
    own = {each.key for each in spec.added_structures}
    rows = [(structure.name, structure.key, "its own" if structure.key in own else "") for structure in spec.structures]
    out().print(table(None, ("Structure", "Key", ""), rows))
    scans = ", ".join(spec.channels)
    print(
        f"The model '{spec.name}' was added; it takes {scans}: neurospineseg segment {spec.task} --model {spec.name} ... Not for clinical use."
    )


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` texts as a table.

    Raises:
        InputError: one has no equals sign, or nothing on a side of it.
    """
    found = {}
    for text in given:
        name, sign, value = text.rpartition("=")
        if not (name.strip() and sign and value.strip()):
            raise InputError(f"--{option} {text} is no pair; write the model's name, an equals sign and ours.")
        found[name.strip()] = value.strip()
    return found


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
