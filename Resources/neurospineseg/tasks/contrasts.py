"""The contrasts that scans have, in words for people: the one list of them."""

from __future__ import annotations

CONTRASTS = {
    "t1c": "T1 with contrast agent",
    "t1": "T1",
    "t2": "T2",
    "flair": "FLAIR",
    "pd": "proton density",
    "t2_star": "T2* or susceptibility",
    "ct": "CT",
}
