"""A data set that is quick to learn: each class is a color under noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

COLORS = {"ant": (200, 60, 60), "bee": (60, 200, 60), "cat": (60, 60, 200)}


def write_pictures(root: Path, per_class: int, *, seed: int = 0, side: int = 40) -> Path:
    """Three classes of noisy images, each with a color of its own: easy to learn, no two alike."""
    random = np.random.default_rng(seed)
    for name, color in COLORS.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            noise = random.integers(-50, 50, (side, side, 3))
            picture = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / name / f"{seed}-{number:03d}.png"), picture)
    return root
