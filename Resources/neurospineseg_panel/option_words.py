"""What the library says of the shell's options, in the words of the panel and of Slicer's Python console."""

from __future__ import annotations

import re
from collections.abc import Sequence

from slicer.i18n import tr as _

REINSTALL = r"`python -m pip install --force-reinstall ([\w.-]+)`"

INSTALL = r"`python -m pip install --no-deps ([\w.-]+)`"

ARGUMENTS = ("frame", "volume", "orientation", "spacing", "model", "device", "structures", "register", "force", "roi")
"""What ``segment`` and ``segmentFolder`` take that the shell has an option for."""

COMMAND_OR_OPTION = re.compile(
    r"(slicer\.util\.pip_install\('[^']*'\)|neurospineseg wheels DIR(?: --\S+ \S+)*|`ssh [^`]*`)|(?<![\w-])--([a-z][a-z-]*)"
)


def in_the_panel(text: str) -> str:
    """Sentences that name options, for who clicks; what is said of files is for what Slicer loads them with."""
    return _replaced(
        text,
        {
            r"use --register": _("check 'Align scans' under 'Advanced'"),
            r"name a bundle's folder with --model": _("choose another model"),
            r"choose another name or add --overwrite": _("choose another folder or remove it"),
            r"give the \.csv file that --list-to wrote": _("choose another folder or remove it"),
            r"choose one with --volume NAME": _("load one of them by itself with the module 'DICOM'"),
            r"choose it with --volume NAME": _("load it by itself with the module 'DICOM'"),
            r"take a part with --volume .+?(?=\.(?:\s|$)|$)": _("load a part by itself with the module 'DICOM'"),
            r"pick one with --frame \d+ to --frame \d+": _("load one of them by itself"),
            r"(?:give it along i, j, k in mm|confirm its orientation) with, for example, --\w+ [^\s;]+?(?=\.?(?:\s|$))": _(
                "give it under 'Volume Information' in the module 'Volumes'"
            ),
            r"remove it and give --orientation": _("remove it and load the volume again"),
            r"say with --task which structures its label values are": _("load it as a segmentation whose segments have names"),
            r"give --orientation where that is wrong": _("correct the volume with the module 'Transforms' where that is wrong"),
            r"with, for example, --orientation \w+ --spacing [^\s;]+?(?=\.?(?:\s|$))": _("in the modules 'Volumes' and 'Transforms'"),
            INSTALL: _("{command} in the Python console").format(command=r"slicer.util.pip_install('--no-deps \1')"),
            REINSTALL: _("{command} in the Python console").format(command=r"slicer.util.pip_install('--force-reinstall \1')"),
        },
    )


def in_the_console(text: str) -> str:
    """Sentences that name options, as ``segment`` and ``segmentFolder`` take them."""
    return _replaced(
        text,
        {
            r"--register": "register=True",
            r"choose another name or add --overwrite": _("choose another folder or remove it"),
            r"give the \.csv file that --list-to wrote": _("choose another folder or remove it"),
            r"say with --task which structures its label values are": _("load it as a segmentation whose segments have names"),
            r"--frame (\d+)": r"frame=\1",
            r"--orientation ([A-Z]{3})\b": r'orientation="\1"',
            r"--spacing ([\d.]+),([\d.]+),([\d.]*\d)": r"spacing=(\1, \2, \3)",
            r"--volume (\S+?)(?=[:;.,)]*(?:\s|$))": r'volume="\1"',
            INSTALL: r"slicer.util.pip_install('--no-deps \1')",
            REINSTALL: r"slicer.util.pip_install('--force-reinstall \1')",
        },
        ARGUMENTS,
    )


def _replaced(text: str, words: dict[str, str], arguments: Sequence[str] = ()) -> str:
    """The text with what stands in ``words`` replaced; of other options ``arguments`` become those, commands that are to be entered stay."""
    for said, instead in words.items():
        text = re.sub(said, instead, text)

    def told(found: re.Match[str]) -> str:
        command, option = found.groups()
        return command or (f"{option}=" if option in arguments else _("the shell's option '{name}'").format(name=option))

    return COMMAND_OR_OPTION.sub(told, text)
