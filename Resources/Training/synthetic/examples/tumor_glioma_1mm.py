"""A 3D network that segments gliomas at 1 mm: the heads and tumors of ``tumor_glioma``, drawn twice as fine.

The heads' label maps have voxels of 2 mm; between these the likeliest label is taken, so folds finer than that are not drawn.
"""

from __future__ import annotations

from Training.synthetic.examples import tumor_glioma

SPACING, PATCH = 1.0, (80, 96, 80)


class Examples(tumor_glioma.Examples):
    """Patches of whole heads at 1 mm; a head costs eight times as much as at 2 mm, so more patches are cut from each."""

    spacing, patch = SPACING, PATCH
    pool, per_head = 4, 16
