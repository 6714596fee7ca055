"""Anchors fitted to the boxes of a data set: k-means on overlap (YOLO9000, arXiv:1612.08242, section 2)."""

from __future__ import annotations

import dataclasses

import numpy as np

from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.contract import Contract

ENOUGH = 3
"""Boxes to an anchor: a level for which there are fewer keeps the anchors that it has."""
_ROUNDS = 100
_SPREAD = (2 / 3, 1.0, 3 / 2)  # augmentation makes objects smaller and larger


def with_anchors(contract: Contract, sizes: np.ndarray) -> Contract:
    """A detector's contract with anchors that are `fitted` to boxes as augmentation makes them.

    Args:
        contract: of the detector.
        sizes: height and width of each box as shares of the image, (n, 2).
    """
    spread = np.minimum(np.concatenate([sizes * factor for factor in _SPREAD]), 1.0)
    return fitted(DetectorRecord.read(contract), spread).put_into(contract)


def fitted(record: DetectorRecord, sizes: np.ndarray, seed: int = 0) -> DetectorRecord:
    """Other heights and widths of the anchors, as many as before.

    A box belongs to the level whose anchors' mean side is nearest to its own: finer maps see too little of large
    objects, and coarser ones too little in small ones.

    Args:
        record: anchors to start from.
        sizes: height and width of each box as shares of the model's input, (n, 2).
        seed: of the choice of first means.
    """
    sides = [np.log(np.sqrt(np.prod(np.asarray(own), axis=1))).mean() for _, _, own in record.levels]
    nearest = np.abs(np.log(np.sqrt(np.prod(sizes, axis=1)))[:, np.newaxis] - sides).argmin(axis=1)
    levels = []
    for number, (rows, columns, own) in enumerate(record.levels):
        mine = sizes[nearest == number]
        if len(mine) >= ENOUGH * len(own):
            means = k_means(mine, len(own), np.random.default_rng((seed, number)))
            own = tuple((round(float(height), 6), round(float(width), 6)) for height, width in means)
        levels.append((rows, columns, own))
    return dataclasses.replace(record, levels=tuple(levels))


def k_means(sizes: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Means of clusters of boxes, (count, 2), the smallest first; the distance is one minus the overlap.

    Args:
        sizes: heights and widths, (n, 2), all above 0.
        count: how many clusters, at most n.
        random: chooses the first means, far from each other (k-means++, Arthur and Vassilvitskii 2007).
    """
    means = sizes[random.integers(len(sizes), size=1)]
    while len(means) < count:
        distance = (1 - overlap(sizes, means).max(axis=1)) ** 2 + 1e-12
        means = np.concatenate((means, sizes[random.choice(len(sizes), 1, p=distance / distance.sum())]))
    for _ in range(_ROUNDS):
        cluster = overlap(sizes, means).argmax(axis=1)
        found = [sizes[cluster == number].mean(axis=0) if (cluster == number).any() else means[number]
                 for number in range(count)]  # fmt: skip
        if np.array_equal(found, means):
            break
        means = np.array(found)
    ordered: np.ndarray = means[np.argsort(means.prod(axis=1), kind="stable")]
    return ordered


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes with one center, from heights and widths: (n, 2) and (m, 2) -> (n, m)."""
    shared = np.minimum(first[:, np.newaxis], second).prod(axis=2)
    found: np.ndarray = shared / (first.prod(axis=1)[:, np.newaxis] + second.prod(axis=1) - shared)
    return found
