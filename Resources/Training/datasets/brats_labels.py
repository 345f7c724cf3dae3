"""What the values of BraTS label maps mean, told from the values of a whole data set.

=========  =================================================================================================
2018       1 necrotic and non-enhancing core, 2 edema, 4 enhancing (2017 to 2021)
2023       the same with 3 enhancing
2024       2023's, and 4 the resection cavity, which becomes background
2013       1 necrosis, 2 edema, 3 non-enhancing, 4 enhancing
decathlon  1 edema, 2 non-enhancing, 3 enhancing
=========  =================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume

LABELS = {"background": 0, "necrotic_core": 1, "edema": 2, "enhancing_tumor": 3}
SCHEMES = {
    "2018": {1: 1, 2: 2, 4: 3},
    "2023": {1: 1, 2: 2, 3: 3},
    "2024": {1: 1, 2: 2, 3: 3, 4: 0},
    "2013": {1: 1, 2: 2, 3: 1, 4: 3},
    "decathlon": {1: 2, 2: 1, 3: 3},
}
"""Our value by the value of each scheme."""
KNOWN = frozenset(range(5))


def values_of(labels: Volume) -> frozenset[float]:
    """The different values of a label map."""
    return frozenset(np.unique(labels.voxels).tolist())


def in_words(scheme: str) -> str:
    """A sentence that says how the values are read."""
    names = {value: name for name, value in LABELS.items()}
    return f"Labels are read as those of {scheme}: " + ", ".join(f"{value} {names[ours]}" for value, ours in SCHEMES[scheme].items()) + "."


def decide(seen: Iterable[frozenset[float]], *, decathlon: bool, since_2023: bool) -> str:
    """The scheme of a data set.

    Args:
        seen: each case's values, all of them 0 to 4.
        decathlon: it has the Decathlon's layout.
        since_2023: all its files are named as since 2023 (``-t2f``).

    Raises:
        InputError: the values do not tell.
    """
    seen = [values - {0} for values in seen]
    together = frozenset().union(*seen)
    if decathlon:
        if 4 in together:
            raise InputError("Label 4 does not occur in the Decathlon's label maps; say with --labels what the values mean.")
        return "decathlon"
    if {3, 4} <= together:
        if since_2023:
            raise InputError("Labels 3 and 4 in files named as since 2023: 4 may be the resection cavity (--labels 2024); give --labels.")
        if not any({3, 4} <= values for values in seen):
            raise InputError(
                "Label 3 and label 4 occur, but in no case both: these may be two data sets; prepare each by itself or give --labels."
            )
        return "2013"
    if 3 in together and not since_2023:
        raise InputError(
            "The labels 1, 2, 3 may be in the order of 2023 (1 core, 2 edema) or the Decathlon's (1 edema, 2 core); "
            "look at a case and give --labels 2023 or --labels decathlon."
        )
    if together == {1}:
        raise InputError("The label maps hold only the label 1, so not the three parts of a tumor; say with --labels what it means.")
    return "2023" if 3 in together else "2018"


def in_our_classes(labels: Volume, scheme: str, name: str) -> Volume:
    """The label map with our values (uint8).

    Raises:
        InputError: it holds a value that the scheme lacks.
    """
    ours = {0: 0} | SCHEMES[scheme]
    unknown = sorted(values_of(labels) - ours.keys())
    if unknown:
        raise InputError(
            f"'{name}' holds the label {unknown[0]:g}, which the scheme {scheme} lacks; check the file or give another --labels."
        )
    table = np.zeros(max(ours) + 1, np.uint8)
    table[list(ours)] = list(ours.values())
    return Volume(table[labels.voxels.astype(np.uint8)], labels.ijk_to_ras)
