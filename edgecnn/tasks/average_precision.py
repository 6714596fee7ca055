"""COCO's twelve figures of a detector, by the rules of pycocotools (https://github.com/cocodataset/cocoapi).

Detections are (n, 6) rows y0, x0, y1, x1, class, score; truths (m, 8) rows y0, x0, y1, x1, class, flag, height and
width of the image in pixels; boxes as shares of the image. A row of class -1 says the size of an image without
objects. Areas are those of boxes, where COCO's own annotations have
those of outlines. Difficult objects (Pascal VOC) are left out like COCO's crowds, but for one detection each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.runtime.model.box_decoding import areas, intersections

CROWD, DIFFICULT = 1, 2
"""Flags of a truth; 0 for an object that counts."""
THRESHOLDS = np.linspace(0.5, 0.95, 10)
MOST = 100
_RECALLS = np.linspace(0, 1, 101)
_AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
SIZES = ("small", "medium", "large")
"""Of objects, as COCO has them: up to 32 x 32 pixels, up to 96 x 96, larger."""
_NOTHING = -1.0
"""What pycocotools gives where there is no object to find."""
_GROUPS = 10


@dataclass(frozen=True)
class Matches:
    """How the detections of one class in one image match its objects.

    Attributes:
        scores: (detections,), the surest first.
        right: bool (thresholds, detections).
        ignored: bool (thresholds, detections), neither right nor wrong.
        objects: how many there are to find.
    """

    scores: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    objects: int

    def first(self, most: int) -> Matches:
        """As if the model gave at most so many boxes of a class in an image."""
        return Matches(self.scores[:most], self.right[:, :most], self.ignored[:, :most], self.objects)


def match(found: np.ndarray, truth: np.ndarray, area: str = "all", pixels: float = 1.0) -> Matches:
    """Match one image's detections of one class with its objects.

    Args:
        found: rows of detections of the class.
        truth: rows of truths of the class.
        area: of the objects that count: "all", "small", "medium" or "large".
        pixels: of the image, for the areas.
    """
    low, high = _AREAS[area]
    sizes = areas(truth[:, :4].astype(np.float64)) * pixels
    ignored = (truth[:, 5] != 0) | (sizes < low) | (sizes > high)
    order = np.argsort(ignored, kind="stable")
    truth, ignored = truth[order], ignored[order]
    found = found[np.argsort(-found[:, 5], kind="stable")][:MOST]
    shared = _overlaps(found, truth)
    right = np.zeros((len(THRESHOLDS), len(found)), bool)
    left_out = np.zeros_like(right)
    taken = np.zeros((len(THRESHOLDS), len(truth)), bool)
    crowd = truth[:, 5] == CROWD
    for row in range(len(found) if len(truth) else 0):
        near = (shared[row] >= np.minimum(THRESHOLDS, 1 - 1e-10)[:, np.newaxis]) & (~taken | crowd)
        place = _best(shared[row], near, ignored)
        hit = np.flatnonzero(place >= 0)
        taken[hit, place[hit]] = True
        right[hit, row] = True
        left_out[hit, row] = ignored[place[hit]]
    outside = _outside(found, pixels, low, high) if area != "all" else np.zeros(len(found), bool)
    left_out |= ~right & outside
    return Matches(found[:, 5], right & ~left_out, left_out, int((~ignored).sum()))


def _overlaps(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Intersection over union, in float64; with a crowd over the area of the detection."""
    first, second = found[:, :4].astype(np.float64), truth[:, :4].astype(np.float64)
    shared = intersections(first, second)
    own = np.broadcast_to(areas(first)[:, np.newaxis], shared.shape)
    union = np.where(truth[:, 5] == CROWD, own, own + areas(second)[np.newaxis] - shared)
    overlap: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def _best(overlap: np.ndarray, near: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """For each threshold the nearest object, -1 for none; one that counts before one that doesn't, of equals the last.

    Args:
        overlap: (objects,).
        near: bool (thresholds, objects).
        ignored: bool (objects,).
    """
    place = np.full(len(near), -1)
    for group in (ignored, ~ignored):
        candidates = np.where(near & group, overlap, -1.0)
        last = len(overlap) - 1 - candidates[:, ::-1].argmax(axis=1)
        place = np.where((near & group).any(axis=1), last, place)
    return place


def _outside(found: np.ndarray, pixels: float, low: float, high: float) -> np.ndarray:
    sizes = areas(found[:, :4].astype(np.float64)) * pixels
    outside: np.ndarray = (sizes < low) | (sizes > high)
    return outside


def curve(matches: Sequence[Matches]) -> tuple[np.ndarray, np.ndarray]:
    """Average precision (101 recalls) and largest recall of one class, each (thresholds,); -1 without objects."""
    objects = sum(each.objects for each in matches)
    if not objects:
        return np.full(len(THRESHOLDS), _NOTHING), np.full(len(THRESHOLDS), _NOTHING)
    order = np.argsort(-np.concatenate([each.scores for each in matches]), kind="stable")
    right, ignored = (
        np.concatenate([getattr(each, name) for each in matches], axis=1)[:, order] for name in ("right", "ignored")
    )
    hits = np.cumsum(right, axis=1, dtype=np.float64)
    misses = np.cumsum(~right & ~ignored, axis=1, dtype=np.float64)
    recall, precision = hits / objects, hits / np.maximum(hits + misses, np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    average = [_sampled(*each) for each in zip(recall, precision)]
    largest = recall[:, -1] if recall.shape[1] else np.zeros(len(THRESHOLDS))
    return np.array(average), largest


def _sampled(recall: np.ndarray, precision: np.ndarray) -> float:
    """Mean of the precision at 101 recalls; 0 beyond the largest."""
    places = np.searchsorted(recall, _RECALLS, side="left")
    padded = np.concatenate((precision, [0.0]))
    return float(padded[np.minimum(places, len(precision))].mean())


@dataclass(frozen=True)
class Matched:
    """All images, matched: for figures over all of them, or over some (bootstrap).

    Attributes:
        by_class: for each class the matches of each image in which it is or was found, with the image's number.
        images: how many there are.
        classes: their numbers, as `by_class` is ordered.
    """

    by_class: tuple[tuple[tuple[int, Matches], ...], ...]
    images: int
    classes: tuple[int, ...]

    @classmethod
    def of(cls, found: Sequence[np.ndarray], truths: Sequence[np.ndarray], area: str = "all") -> Matched:
        """Match all images."""
        classes = sorted({int(label) for rows in (*found, *truths) for label in rows[:, 4] if label >= 0})
        matches = tuple(_of_class(label, found, truths, area) for label in classes)
        return cls(matches, len(truths), tuple(classes))

    def figures(self, counts: np.ndarray | None = None, most: int = MOST) -> tuple[np.ndarray, np.ndarray]:
        """Average precision and recall, each (classes, thresholds).

        Args:
            counts: how often each image counts, (images,); None for once.
            most: boxes of a class in an image.
        """
        curves = []
        for rows in self.by_class:
            chosen = [each.first(most) for image, each in rows for _ in range(1 if counts is None else counts[image])]
            curves.append(curve(chosen))
        if not curves:
            nothing = np.full((1, len(THRESHOLDS)), _NOTHING)
            return nothing, nothing
        return np.array([each[0] for each in curves]), np.array([each[1] for each in curves])

    def standard_error(self) -> float:
        """Of the mean average precision, by a jackknife that leaves out a tenth of the images in turn (Shao and Wu
        1989, "A General Theory for Jackknife Variance Estimation").
        """
        groups = min(_GROUPS, self.images)
        if groups < 2:
            return 0.0
        group = np.arange(self.images) % groups
        left = np.array([mean(self.figures((group != each).astype(int))[0]) for each in range(groups)])
        known = left[left > _NOTHING]  # without the others no object is left, which says nothing of the mean
        return float(np.sqrt((len(known) - 1) * known.var())) if len(known) else 0.0


def _of_class(
    label: int, found: Sequence[np.ndarray], truths: Sequence[np.ndarray], area: str
) -> tuple[tuple[int, Matches], ...]:
    rows = []
    for image, (detected, truth) in enumerate(zip(found, truths)):
        mine, real = detected[detected[:, 4] == label], truth[truth[:, 4] == label]
        if len(mine) or len(real):
            pixels = float(truth[0, 6] * truth[0, 7]) if len(truth) else 1.0
            rows.append((image, match(mine, real, area, pixels)))
    return tuple(rows)


def mean(values: np.ndarray) -> float:
    """Over what has objects; -1 where nothing has."""
    known = values[values > _NOTHING]
    return float(known.mean()) if known.size else _NOTHING


def coco_figures(found: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> dict[str, float]:
    """COCO's twelve: AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl; 0 to 1, -1 without objects."""
    precision, recall = Matched.of(found, truths).figures()
    figures = {"AP": mean(precision), "AP50": mean(precision[:, 0]), "AP75": mean(precision[:, 5])}
    by_size = {area: Matched.of(found, truths, area).figures() for area in SIZES}
    figures |= {f"AP{area[0]}": mean(each[0]) for area, each in by_size.items()}
    every = Matched.of(found, truths)
    figures |= {f"AR{most}": mean(every.figures(most=most)[1]) for most in (1, 10)}
    figures["AR100"] = mean(recall)
    return figures | {f"AR{area[0]}": mean(each[1]) for area, each in by_size.items()}
