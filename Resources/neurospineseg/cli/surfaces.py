"""``neurospineseg surfaces``: the structures of a mask as surfaces."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from neurospineseg.atomic_files import Outputs
from neurospineseg.cli.console import out, say, table
from neurospineseg.cli.mask_export import coded_mask
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.exports.surface import need_surfaces
from neurospineseg.exports.surface_files import Surface, stl_names, surfaces_of, write_glb, write_stl


def surfaces(options: argparse.Namespace) -> None:
    """Runs the command: into one ``.glb`` file, or into a folder an ``.stl`` file for each structure.

    Raises:
        InputError: the mask cannot be used, a package is missing, or a file cannot be written.
    """
    need_surfaces()
    target: Path = options.output
    is_glb = target.suffix.lower() == ".glb"
    if target.suffix and not is_glb and not target.is_dir():
        raise InputError(f"'{target.name}' is of no kind that can be written; name a .glb file, or a folder for .stl files.")
    labels, segments = coded_mask(options.mask, options.task)
    for note in labels.notes:
        say(f"Warning: {note}")
    names = stl_names(segments)
    paths = [target] if is_glb else [target / names[segment.label] for segment in segments]
    with nullcontext() if is_glb else _made(target), Outputs(paths, inputs=[options.mask], overwrite=options.overwrite) as outputs:
        made = surfaces_of(labels, segments)
        if is_glb:
            write_glb(made, outputs.temporary(target))
        else:
            for surface, path in zip(made, paths):
                write_stl(surface, outputs.temporary(path))
    _show(made)
    files = f"{len(paths)} {'file' if len(paths) == 1 else 'files'} in {target}"
    print(f"{target if is_glb else files} written. Not for clinical use.")


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder for as long as the block lasts, and on where it ends without an error; folders that were not there before go again."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(error, folder) from error
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for each in new:
                each.rmdir()
        raise


def _show(made: Sequence[Surface]) -> None:
    rows = [(each.segment.name, f"{len(each.mesh.faces)}", f"{each.mesh.volume / 1000:.3g}") for each in made]
    out().print(table(None, ("Structure", "Triangles", "mL inside"), rows, right=(1, 2)))
