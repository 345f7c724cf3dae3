"""What surrounds a drawn spine: fat, muscles, organs, vessels, ribs and iliac bones."""

from __future__ import annotations

import numpy as np

from Training.synthetic.spine.canvas import BONE, FAT, GAS, LIGAMENT, MUSCLE, ORGAN_A, ORGAN_B, VESSEL, Canvas, noise


def draw_trunk(rng, canvas: Canvas, points, s, u, v, spacing) -> None:
    """Skin, fat, muscles, psoas, organs with gas, great vessels, iliac bones."""
    shape = canvas.tissue.shape
    x, y, z = points
    back = -rng.uniform(55, 85) + 8 * np.sin(s / 60)
    front, breadth = rng.uniform(70, 140), rng.uniform(120, 180)
    fat = rng.uniform(4, 30)
    center = (front + back) / 2
    depth_of = (front - back) / 2
    rim = (1 - np.sqrt((u / breadth) ** 2 + ((v - center) / depth_of) ** 2)) * depth_of
    rim = np.minimum(rim, v - back)
    canvas.put(rim > 0, FAT)
    inside = rim > fat
    blobs, other = noise(rng, shape, spacing, 28), noise(rng, shape, spacing, 14)
    canvas.put(inside, FAT)
    canvas.put(inside & (v > -10) & (blobs > -0.3), ORGAN_A)
    canvas.put(inside & (v > -10) & (blobs > 0.5), ORGAN_B)
    canvas.put(inside & (v > 15) & (blobs > 0.9) & (other > 0.6), GAS)
    muscle = inside & (v < -8) & (np.abs(u) < rng.uniform(70, 100)) & (other > rng.uniform(-2.2, -1.0))
    canvas.put(muscle, MUSCLE)
    midline = inside & (np.abs(u) < rng.uniform(2, 7)) & (v < -30) & (v > back + fat + 3)
    canvas.put(midline, LIGAMENT)
    canvas.put(midline & (other > rng.uniform(-0.6, 0.6)), FAT)
    psoas = ((np.abs(u) - 38) / rng.uniform(14, 20)) ** 2 + ((v + 2) / rng.uniform(16, 24)) ** 2 < 1
    canvas.put(psoas & (s > -60) & (s < 220), MUSCLE)
    for side, value in ((-1, rng.uniform(8, 11)), (1, rng.uniform(7, 11))):
        reach = rng.uniform(26, 34)
        canvas.put(((u - side * rng.uniform(6, 18)) ** 2 + (v - reach) ** 2 < value**2) & (s > 25), VESSEL)
    lungs = inside & (s > 250) & (v > 5 - 25 * (np.abs(u) > 30)) & (np.abs(u) > rng.uniform(15, 28)) & (s < 480)
    canvas.put(lungs, GAS)
    ribs = (
        (np.abs(np.abs(u) - 26 - 0.25 * np.abs(v + 25)) < 12)
        & (np.abs((s + 0.5 * v) % 27 - 13) < 4.5)
        & (s > 165)
        & (s < 480)
        & (v < 0)
        & (v > -40)
    )
    canvas.put(ribs, BONE)
    iliac = (np.abs(np.abs(u) - 62 - 0.25 * (s + 20) - 0.2 * (v + 20)) < rng.uniform(5, 10)) & (s < 25) & (s > -110) & (v < 15)
    canvas.put(iliac & (rim > 5), BONE)
