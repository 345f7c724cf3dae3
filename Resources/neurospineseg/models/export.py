"""A model as a plain MONAI Bundle, for programs that know nothing of 8-bit weights."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.models.bundle import Bundle, read_bundle
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.models.network import build_network, load_weights
from neurospineseg.models.weights import save_weights


def export_bundle(bundle: Bundle, parent: Path) -> Bundle:
    """Writes a bundle with weights in single precision, which MONAI loads and runs by itself, into ``parent``; its card comes along.

    Raises:
        InputError: the model is another program's, a bundle of that name is there already, the folder cannot be written to, or the weights are damaged.
    """
    if bundle.added:
        raise InputError(f"'{bundle.spec.name}' is a model of another program, which runs it as it was before it was added; take that one.")
    folder = parent / bundle.spec.name
    if folder.exists():
        raise InputError(f"'{folder}' is there already; choose another folder or move it away.")
    network = load_weights(build_network(bundle.network_def), bundle.weights)
    card = bundle.folder / "docs" / "README.md"
    try:
        with TemporaryDirectory() as staging:
            weights = Path(staging) / "model.pt"
            save_weights(network, weights, "single")
            write_bundle(parent, bundle.spec, bundle.network_def, weights, card.read_text(encoding="utf-8") if card.is_file() else None)
    except OSError as error:
        raise writing_failed(error, parent) from error
    return read_bundle(folder)
