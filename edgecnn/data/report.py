"""Reports problems of a data set before training: counts, unreadable, tiny, duplicates, imbalance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgecnn.core.text import counted
from edgecnn.data.boxes import Boxes
from edgecnn.data.dataset import DataSet, Example, FileExample
from edgecnn.data.fitted import Fitted
from edgecnn.runtime.model.validation import Record

TINY = 0.5
IMBALANCE = 10.0
NEAR_BITS = 3
NEAR_LEVELS = 4.0
_SHOWN = 5
_ROWS_AT_ONCE = 512
_NEAR_PAIRS = 2_000_000_000


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
            found.append(
                f"the largest class has {self.imbalance:.0f} times as many images as the smallest; --class-weights "
                "balances them."
            )
        return [*found, *self.notes]


def _pairs(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{first} = {second}" for first, second in pairs]


def _list(names: Any) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


@dataclass(frozen=True)
class Part:
    """One split as the report needs it: the data set, its digests, its decoded images."""

    data: DataSet
    digests: tuple[str, ...]
    pictures: Fitted


def examine(parts: Mapping[str, Part]) -> DataReport:
    """Look at all splits together: "train", "validation" and perhaps "test"."""
    train = parts["train"]
    trained = _labels(train)
    others = {label for part in parts.values() for label in part.data.classes}
    exact = _exact(parts)
    height, width = train.pictures.pictures.shape[1:3]
    return DataReport(
        counts={name: _counts(part) for name, part in parts.items()},
        unreadable={
            name: tuple((part.data.examples[row].name, reason) for row, reason in part.pictures.errors.items())
            for name, part in parts.items()
        },
        tiny={name: _tiny(part, min(height, width)) for name, part in parts.items()},
        exact=exact,
        near=_near(parts, exact),
        conflicting=_conflicting(parts),
        empty=tuple(sorted({name for part in parts.values() for name in part.data.empty})),
        classes_not_trained=tuple(sorted(others - trained.keys())),
        typical_px=_typical(train.pictures),
        notes=_notes(parts),
    )


def _labels(part: Part) -> Counter[str]:
    """How often each class is in the images that can be read."""
    readable = [example for row, example in enumerate(part.data.examples) if row not in part.pictures.errors]
    return Counter(label for example in readable for label in _labels_of(example))


def _labels_of(example: Example) -> tuple[str, ...]:
    boxes = example.annotation
    return boxes.labels if isinstance(boxes, Boxes) else (str(example.label),)


def _counts(part: Part) -> dict[str, int]:
    labels = _labels(part)
    return {name: labels[name] for name in part.data.classes}


def _typical(pictures: Fitted) -> int:
    shorter = pictures.sizes.min(axis=1)
    return int(np.median(shorter[shorter > 0]))


def _tiny(part: Part, side: int) -> tuple[str, ...]:
    """Unless all images of the set are small: then that is what it is, and one note says so."""
    if _typical(part.pictures) < TINY * side:
        return ()
    shorter = part.pictures.sizes.min(axis=1)
    return tuple(part.data.examples[row].name for row in np.flatnonzero((shorter > 0) & (shorter < TINY * side)))


def _notes(parts: Mapping[str, Part]) -> tuple[str, ...]:
    pictures = parts["train"].pictures
    side, typical = min(pictures.pictures.shape[1:3]), _typical(pictures)
    found = [
        (f"{split} and train have too many images to compare all pairs, so near duplicates were not searched for.")
        for split, part in parts.items()
        if split != "train" and _too_many(parts["train"], part)
    ]
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


def _too_many(train: Part, other: Part) -> bool:
    return len(train.data) * len(other.data) > _NEAR_PAIRS


def _exact(parts: Mapping[str, Part]) -> tuple[tuple[str, str], ...]:
    """Pairs over different splits with the same digest."""
    seen: dict[str, tuple[str, str]] = {}
    pairs = []
    for split, part in parts.items():
        for example, digest in zip(part.data.examples, part.digests):
            first = seen.setdefault(digest, (split, example.name))
            if first[0] != split:
                pairs.append((f"{first[0]}:{first[1]}", f"{split}:{example.name}"))
    return tuple(pairs)


def _conflicting(parts: Mapping[str, Part]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in parts.values():
        seen: dict[str, Any] = {}
        for example, digest in zip(part.data.examples, part.digests):
            first = seen.setdefault(digest, example)
            if (first.label, first.annotation) != (example.label, example.annotation):
                pairs.append((first.name, example.name))
    return tuple(pairs)


def _near(parts: Mapping[str, Part], exact: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Training images that look like one of another split; not computed for very large sets."""
    known, pairs = set(exact), []
    train = parts["train"]
    for split, part in parts.items():
        if split == "train" or _too_many(train, part):
            continue
        for row, other in look_alikes(train.pictures, part.pictures):
            pair = (f"train:{train.data.examples[row].name}", f"{split}:{part.data.examples[other].name}")
            if pair not in known:
                pairs.append(pair)
    return tuple(pairs)


def look_alikes(first: Fitted, second: Fitted) -> list[tuple[int, int]]:
    """Rows of pairs whose difference hashes differ in at most 3 of 64 bits and whose 16 x 16 thumbnails differ by
    less than 4 of 255 levels on average.
    """
    pairs = []
    for start in range(0, len(second.hashes), _ROWS_AT_ONCE):
        some = second.hashes[start : start + _ROWS_AT_ONCE]
        distances = _bits(first.hashes[np.newaxis, :] ^ some[:, np.newaxis])
        for other, row in np.argwhere(distances <= NEAR_BITS):
            mine, theirs = first.thumbnails[row], second.thumbnails[start + other]
            readable = row not in first.errors and int(start + other) not in second.errors
            if readable and np.abs(mine.astype(np.int16) - theirs).mean() < NEAR_LEVELS:
                pairs.append((int(row), int(start + other)))
    return pairs


def _bits(values: np.ndarray) -> np.ndarray:
    """How many bits of each uint64 are set (Hacker's Delight, figure 5-2; NumPy before 2.0 has no bitwise_count)."""
    if hasattr(np, "bitwise_count"):
        counts: np.ndarray = np.bitwise_count(values)
        return counts
    values = values - ((values >> 1) & 0x5555555555555555)
    values = (values & 0x3333333333333333) + ((values >> 2) & 0x3333333333333333)
    values = (values + (values >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (values * np.uint64(0x0101010101010101)) >> np.uint64(56)
