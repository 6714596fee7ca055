"""What a detector's boxes get wrong: precision by recall, and each sure box by its error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from edgecnn.runtime.model.box_decoding import overlaps
from edgecnn.runtime.model.validation import Range, Record
from edgecnn.tasks.average_precision import match

SURE = 0.5
"""Score from which on a box is looked at."""
RIGHT, DUPLICATE, CLASS, PLACE, FALSE, MISSED = "right", "duplicate", "other class", "misplaced", "nothing", "missed"
"""Kinds, as of TIDE (arXiv:2008.08115, section 2.2): an overlap of half with an object of the class, as its first box
or not; with one of another class; an overlap of a tenth with one of the class; neither; objects without a box."""
_MATCH, _TOUCH = 0.5, 0.1
_RECALLS = np.linspace(0, 1, 21)
_Share = Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class BoxErrors(Record):
    """Of one model on annotated images.

    Attributes:
        labels: of the classes.
        kinds: how many boxes with a score of 0.5 or more are of each kind, and how many objects are missed.
        confusion: boxes and objects by true class (rows) and answer (columns); last is "nothing": false alarms in the
            last row, missed objects in the last column.
        recall: from 0 to 1.
        precision: class that has objects -> precision at each recall, at an overlap of half.
    """

    labels: tuple[str, ...]
    kinds: dict[str, Annotated[int, Range(0)]]
    confusion: tuple[tuple[int, ...], ...]
    recall: tuple[_Share, ...]
    precision: dict[str, tuple[_Share, ...]]


def box_errors(found: Sequence[np.ndarray], truths: Sequence[np.ndarray], labels: Sequence[str]) -> BoxErrors:
    """Of all images.

    Args:
        found: detections of each image, (n, 6), see `average_precision`.
        truths: of each image, (m, 8).
        labels: of the classes.
    """
    nothing = len(labels)
    confusion = np.zeros((nothing + 1, nothing + 1), np.int64)
    kinds: Counter[str] = Counter()
    for detected, truth in zip(found, truths):
        for kind, real, answered in of_image(detected, truth):
            kinds[kind] += 1
            if kind != DUPLICATE:
                confusion[nothing if real is None else real, nothing if answered is None else answered] += 1
    curves = {label: _precision(found, truths, number) for number, label in enumerate(labels)}
    return BoxErrors(
        labels=tuple(labels),
        kinds={kind: kinds[kind] for kind in (RIGHT, DUPLICATE, CLASS, PLACE, FALSE, MISSED)},
        confusion=tuple(tuple(map(int, row)) for row in confusion),
        recall=tuple(round(float(value), 4) for value in _RECALLS),
        precision={label: values for label, values in curves.items() if values},
    )


def of_image(found: np.ndarray, truth: np.ndarray) -> list[tuple[str, int | None, int | None]]:
    """Each sure box and each missed object of one image: kind, true class, answered class; None for nothing.

    Boxes on crowds and difficult objects are left out, as are boxes of numbers that no class has.
    """
    real = truth[truth[:, 4] >= 0]
    objects, others = real[real[:, 5] == 0], real[real[:, 5] != 0]
    sure = found[found[:, 5] >= SURE]
    taken = np.zeros(len(objects), bool)
    result: list[tuple[str, int | None, int | None]] = []
    for box in sure[np.argsort(-sure[:, 5], kind="stable")]:
        kind, place = _kind(box, objects, taken)
        if kind in (FALSE, PLACE) and len(others) and overlaps(box[np.newaxis, :4], others[:, :4]).max() >= _MATCH:
            continue
        if kind in (RIGHT, CLASS):
            taken[place] = True
        true = int(objects[place, 4]) if kind in (RIGHT, CLASS, DUPLICATE) else None
        result.append((kind, true, int(box[4])))
    return [*result, *((MISSED, int(label), None) for label in objects[~taken, 4])]


def _kind(box: np.ndarray, objects: np.ndarray, taken: np.ndarray) -> tuple[str, int]:
    """The kind of a box, and the object that it is on."""
    if not len(objects):
        return FALSE, -1
    shared, same = overlaps(box[np.newaxis, :4], objects[:, :4])[0], objects[:, 4] == box[4]
    for kind, fits, least in (
        (RIGHT, same & ~taken, _MATCH),
        (DUPLICATE, same & taken, _MATCH),
        (CLASS, ~same & ~taken, _MATCH),
        (PLACE, same, _TOUCH),
    ):
        best = int(np.where(fits, shared, -1.0).argmax())
        if fits[best] and shared[best] >= least:
            return kind, best
    return FALSE, -1


def _precision(found: Sequence[np.ndarray], truths: Sequence[np.ndarray], label: int) -> tuple[float, ...]:
    """The largest precision at each recall or a larger one; empty without objects."""
    matches = [match(each[each[:, 4] == label], truth[truth[:, 4] == label]) for each, truth in zip(found, truths)]
    objects = sum(each.objects for each in matches)
    if not objects:
        return ()
    order = np.argsort(-np.concatenate([each.scores for each in matches]), kind="stable")
    right, ignored = (
        np.concatenate([getattr(each, name)[0] for each in matches])[order] for name in ("right", "ignored")
    )
    hits, misses = np.cumsum(right), np.cumsum(~right & ~ignored)
    recall, precision = hits / objects, hits / np.maximum(hits + misses, 1)
    best = [precision[recall >= least].max(initial=0.0) for least in _RECALLS]
    return tuple(round(float(value), 4) for value in best)
