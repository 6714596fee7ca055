"""Reports problems of a data set before training: counts, unreadable, tiny, duplicates, imbalance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgecnn.core.text import counted
from edgecnn.data.boxes import TASK, Boxes
from edgecnn.data.dataset import DataSet, Example, FileExample
from edgecnn.data.look_alikes import look_alikes
from edgecnn.data.survey import Survey
from edgecnn.runtime.model.validation import Record

TINY = 0.5
IMBALANCE = 10.0
_SHOWN = 5


@dataclass(frozen=True)
class DataReport(Record):
    """What was found.

    Attributes:
        counts: images per class that can be read, by split; of boxes how many of each class are in such images.
        unreadable: per split, name and reason.
        tiny: per split, names of images of which a side is under half of the model's input.
        exact: pairs of names in two different splits with the same content.
        near: pairs of a training image and one of another split that look the same (see `look_alikes`).
        conflicting: pairs of names in one split with the same content and different classes (or boxes).
        empty: class folders without an image.
        classes_not_trained: classes of the validation or test split that have no training image.
        typical_px: median of the shorter side of the training images.
        notes: further sentences for the user.
        of_objects: whether the counts are of objects, of which an image may have several.
        images: how many can be read, by split.
    """

    DERIVED = ("imbalance",)

    counts: Mapping[str, Mapping[str, int]]
    unreadable: Mapping[str, tuple[tuple[str, str], ...]]
    tiny: Mapping[str, tuple[str, ...]]
    exact: tuple[tuple[str, str], ...] = ()
    near: tuple[tuple[str, str], ...] = ()
    conflicting: tuple[tuple[str, str], ...] = ()
    empty: tuple[str, ...] = ()
    classes_not_trained: tuple[str, ...] = ()
    typical_px: int = 0
    notes: tuple[str, ...] = field(default=())
    of_objects: bool = False
    images: Mapping[str, int] = field(default_factory=dict)

    @property
    def imbalance(self) -> float:
        """Largest over smallest count of training images of a class."""
        counts = [count for count in self.counts.get("train", {}).values() if count]
        return max(counts) / min(counts) if counts else 0.0

    @property
    def unreadable_count(self) -> int:
        """Over all splits."""
        return sum(map(len, self.unreadable.values()))

    def warnings(self) -> list[str]:
        """Sentences for the user, the gravest first."""
        found = [
            f"{split}: {_list([f'{name} ({reason})' for name, reason in rows])} can't be read and "
            f"{'is' if len(rows) == 1 else 'are'} skipped."
            for split, rows in self.unreadable.items()
            if rows
        ]
        for names, text in (
            (self.empty, "no images in the class folder {}: this class is ignored."),
            (self.classes_not_trained, "no training images of {}: the model can't learn it."),
            (_pairs(self.conflicting), "the same image has two classes, or two sets of boxes: {}."),
            (_pairs(self.exact), "the same image is in two splits, so accuracy is overstated: {}."),
            (_pairs(self.near), "nearly the same image is in two splits, so accuracy may be overstated: {}."),
        ):
            if names:
                found.append(text.format(_list(names)))
        tiny = [name for names in self.tiny.values() for name in names]
        if tiny:
            found.append(f"{counted(len(tiny), 'image')} smaller than half of the model's input: {_list(tiny)}.")
        if self.imbalance > IMBALANCE:
            unit, remedy = ("objects", "") if self.of_objects else ("images", "; --class-weights balances them")
            found.append(f"the largest class has {self.imbalance:.0f} times as many {unit} as the smallest{remedy}.")
        return [*found, *self.notes]


def _pairs(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{first} = {second}" for first, second in pairs]


def _list(names: Any) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


@dataclass(frozen=True)
class Part:
    """One split as the report needs it: the data set, its digests, what was seen of its images."""

    data: DataSet
    digests: tuple[str, ...]
    survey: Survey


def examine(parts: Mapping[str, Part], side: int = 0, notes: tuple[str, ...] = ()) -> DataReport:
    """Look at all splits together.

    Args:
        parts: "train", "validation" and perhaps "test"; or all images as "train".
        side: the shorter one of the model's input, in pixels; 0 where there is no model yet.
        notes: what else the user should know.
    """
    train = parts["train"]
    trained = _labels(train)
    others = {label for part in parts.values() for label in part.data.classes}
    exact = _exact(parts)
    near, not_searched = _near(parts, exact)
    return DataReport(
        counts={name: _counts(part) for name, part in parts.items()},
        unreadable={
            name: tuple((part.data.examples[row].name, reason) for row, reason in part.survey.errors.items())
            for name, part in parts.items()
        },
        tiny={name: _tiny(part, side) for name, part in parts.items()},
        exact=exact,
        near=near,
        conflicting=_conflicting(parts),
        empty=tuple(sorted({name for part in parts.values() for name in part.data.empty})),
        classes_not_trained=tuple(sorted(others - trained.keys())),
        typical_px=_typical(train.survey),
        notes=(*not_searched, *_notes(parts, side), *notes),
        of_objects=train.data.task == TASK,
        images={name: len(part.data) - len(part.survey.errors) for name, part in parts.items()},
    )


def _labels(part: Part) -> Counter[str]:
    """How often each class is in the images that can be read."""
    readable = (example for row, example in enumerate(part.data.examples) if row not in part.survey.errors)
    return Counter(label for example in readable for label in _labels_of(example))


def _labels_of(example: Example) -> tuple[str, ...]:
    boxes = example.annotation
    return boxes.labels if isinstance(boxes, Boxes) else (str(example.label),)


def _counts(part: Part) -> dict[str, int]:
    labels = _labels(part)
    return {name: labels[name] for name in part.data.classes}


def _typical(survey: Survey) -> int:
    shorter = survey.sizes.min(axis=1)
    return int(np.median(shorter[shorter > 0])) if shorter.any() else 0


def _tiny(part: Part, side: int) -> tuple[str, ...]:
    """Unless all images of the set are small: then that is what it is, and one note says so."""
    if _typical(part.survey) < TINY * side:
        return ()
    shorter = part.survey.sizes.min(axis=1)
    return tuple(part.data.examples[int(row)].name for row in np.flatnonzero((shorter > 0) & (shorter < TINY * side)))


def _notes(parts: Mapping[str, Part], side: int) -> tuple[str, ...]:
    typical, found = _typical(parts["train"].survey), []
    if typical < TINY * side:
        found.append(
            f"the images are small: their shorter side is typically {typical} px, but the model's input has {side} px."
        )
    found += dict.fromkeys(note for part in parts.values() for note in part.data.notes)
    moving = sorted({name for part in parts.values() for name in _animations(part.data)})
    if moving:
        found.append(f"{counted(len(moving), 'animated GIF')}: only the first frame is used: {_list(moving)}.")
    return tuple(found)


def _animations(data: DataSet) -> list[str]:
    """Names of GIF files with more than one frame."""
    gifs = [example for example in data.examples if isinstance(example, FileExample)]
    return [gif.name for gif in gifs if gif.path.suffix.lower() == ".gif" and gif.is_animated()]


def _exact(parts: Mapping[str, Part]) -> tuple[tuple[str, str], ...]:
    """Pairs over different splits with the same digest."""
    several = _repeated([digest for part in parts.values() for digest in part.digests])
    seen: dict[str, tuple[str, int]] = {}
    pairs = []
    for split, part in parts.items():
        for row, digest in enumerate(part.digests):
            if digest in several:
                first = seen.setdefault(digest, (split, row))
                if first[0] != split:
                    pairs.append((_named(parts, *first), _named(parts, split, row)))
    return tuple(pairs)


def _named(parts: Mapping[str, Part], split: str, row: int) -> str:
    return f"{split}:{parts[split].data.examples[row].name}"


def _repeated(digests: Sequence[str]) -> set[str]:
    """Those that stand there more than once, as nearly none do: told by their first 64 bits in little memory."""
    beginnings = np.fromiter((int(digest[:16], 16) for digest in digests), np.uint64, len(digests))
    values, counts = np.unique(beginnings, return_counts=True)
    several = values[counts > 1]
    if not len(several):
        return set()
    places = np.minimum(np.searchsorted(several, beginnings), len(several) - 1)
    return {digests[int(row)] for row in np.flatnonzero(several[places] == beginnings)}


def _conflicting(parts: Mapping[str, Part]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in parts.values():
        several, seen = _repeated(part.digests), dict[str, int]()
        for row, digest in enumerate(part.digests):
            if digest in several and seen.setdefault(digest, row) != row:
                first, example = part.data.examples[seen[digest]], part.data.examples[row]
                if (first.label, first.annotation) != (example.label, example.annotation):
                    pairs.append((first.name, example.name))
    return tuple(pairs)


def _near(
    parts: Mapping[str, Part], exact: tuple[tuple[str, str], ...]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Training images that look like one of another split; and sentences on splits where that was not searched for."""
    known, pairs, notes = set(exact), [], []
    train = parts["train"]
    for split, part in parts.items():
        if split == "train":
            continue
        found = look_alikes(train.survey, part.survey)
        if found is None:
            notes.append(f"{split} and train have too many images that look alike, so near duplicates are not listed.")
        for row, other in found or ():
            pair = (_named(parts, "train", row), _named(parts, split, other))
            if pair not in known:
                pairs.append(pair)
    return tuple(pairs), tuple(notes)
