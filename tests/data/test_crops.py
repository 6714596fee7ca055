"""Random crops: as large as asked for, inside of the image, and with a place of each image that must stay."""

from __future__ import annotations

import numpy as np

from edgecnn.data.augmentation import Augmentation
from edgecnn.data.augmentation.draw import draw


def windows(settings: Augmentation, points: list[np.ndarray] | None, count: int = 400) -> np.ndarray:
    """y0, x0, y1, x1 of what is cut out, as shares of the image."""
    height, width = 60, 80
    transforms = draw(settings, count, height, width, np.random.default_rng(0), points).transforms
    a0, _, a2, _, b1, b2 = transforms[:, :6].T
    corners = [b1 * -0.5 + b2, a0 * -0.5 + a2, b1 * (height - 0.5) + b2, a0 * (width - 0.5) + a2]
    return (np.stack(corners, axis=1) + 0.5) / [height, width, height, width]


def test_crops_lie_in_the_image_and_have_the_area() -> None:
    found = windows(Augmentation(crop=0.4), None)
    assert found.min() > -1e-4 and found.max() < 1 + 1e-4
    area = (found[:, 2:] - found[:, :2]).prod(axis=1)
    assert area.min() > 0.35 and 0.2 < (area > 0.999).mean() < 0.5 and area.std() > 0.15


def test_crops_keep_a_place() -> None:
    random = np.random.default_rng(1)
    points = [random.random((1, 2)) for _ in range(400)]
    found = windows(Augmentation(crop=0.1), points)
    places = np.concatenate(points)
    assert (places >= found[:, :2] - 1e-4).all() and (places <= found[:, 2:] + 1e-4).all()
    assert np.abs(found - windows(Augmentation(crop=0.1), [np.zeros((0, 2))] * 400)).max() > 0.2
