"""How a folder of images is arranged: folders of classes, or of splits that hold folders of classes.

What could be either is refused: where test images are taken for a class, a model learns to tell them from training
images.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.listing import Entries, entries, identity, printable

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_UNLABELED = "unlabeled"
_WORDS = {
    TRAIN: ("train", "training", "trn"),
    VALIDATION: ("val", "valid", "validation", "validate", "validating", "dev", "devel", "development"),
    TEST: ("test", "testing", "tst", "eval", "evaluation", "evaluating"),
    _UNLABELED: ("pred", "predict", "prediction", "predictions", "unlabeled", "unlabelled", "inference"),
}
_SPLIT_OF = {word: split for split, words in _WORDS.items() for word in words}
_FILLERS = frozenset("seg set data dataset images image imgs img pictures photos split folder the".split())  # noqa: SIM905
_COMPOUND = re.compile(r"(train|training|val|valid|validation|dev|test|testing)(?:set|data|images|imgs)")
_DEEPEST_WRAPPER = 16


@dataclass(frozen=True)
class Layout:
    """Where the classes are.

    Attributes:
        root: the folder that holds them, below any that hold nothing else.
        classes: a folder per class; empty where there are only splits, or only images without classes.
        splits: folder of each of "train", "validation" and "test" that is there.
        notes: what is left out, in sentences for the user.
    """

    root: Path
    classes: tuple[Path, ...] = ()
    splits: Mapping[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def split_named(name: str) -> str | None:
    """The split that a folder's name says, whatever the spelling: Training, seg_train, TRAIN, val2017, test-set."""
    words = [word for word in re.split(r"[^a-z]+", name.casefold()) if word and word not in _FILLERS]
    if len(words) != 1:
        return None
    compound = _COMPOUND.fullmatch(words[0])
    return _SPLIT_OF.get(compound[1] if compound else words[0])


def find_layout(root: Path, name: str) -> Layout:
    """Look at a folder.

    Args:
        root: the folder.
        name: what the user called it.

    Raises:
        DataError: its folders may be splits or classes, or two are the same split; the message names them.
    """
    root, found, full = _unwrapped(root)
    named = {folder: split for folder in full if (split := split_named(folder.name))}
    others = [folder for folder in full if folder not in named]
    if others and _are_classes(named, others):
        named, others = {}, full
    if not named:
        _refuse_splits_in_classes(full, name)
        return Layout(root, found.folders)
    _refuse_what_is_unclear(named, others, name)
    deep = {split: folder for folder, split in named.items() if split != _UNLABELED and _is_deep(folder)}
    left_out = [folder for folder in named if folder not in deep.values()]
    notes = [
        (
            f"{name}: the folder {printable(folder.name)} has no class folders, so its images have no labels and "
            "are ignored."
        )
        for folder in left_out
    ]
    return Layout(root, (), {split: deep[split] for split in _WORDS if split in deep}, tuple(notes))


def _unwrapped(root: Path) -> tuple[Path, Entries, list[Path]]:
    """Below folders that hold one folder and nothing else: the folder, what it holds, and its folders with images."""
    for _ in range(_DEEPEST_WRAPPER):
        found = entries(root)
        full = [folder for folder in found.folders if _holds_images(folder)]
        if len(full) != 1 or found.images:
            break
        split, deep = split_named(full[0].name), _is_deep(full[0])
        is_wrapper = split in (None, _UNLABELED) and deep and not _entries(full[0]).images
        is_unlabeled = split is not None and not deep
        if not (is_wrapper or is_unlabeled):
            break
        root = full[0]
    return root, found, full


def _are_classes(named: Mapping[Path, str], others: Sequence[Path]) -> bool:
    """Beside folders of classes: a `train` of images alone is a class (of vehicles), and what stands beside it too."""
    flat = not any(_is_deep(folder) for folder in named)
    names = {folder.name.casefold() for folder in (*named, *others)}
    return flat and (TRAIN in named.values() or {"valid", "invalid"} <= names)


def _refuse_what_is_unclear(named: Mapping[Path, str], others: Sequence[Path], name: str) -> None:
    seen = f"{name} holds the folders {_listed([*named, *others])}"
    if others:
        it, they = ("it is a split", "it is a class") if len(named) == 1 else ("they are splits", "they are classes")
        raise DataError(
            f"{seen}; it is unclear whether {_listed(named)} holds a split or a class. If {it}, move the other "
            f"folders out, or give each split by its own path. If {they}, list the images in a .csv file with the "
            "columns path,label, or rename the folder."
        )
    real = {folder: split for folder, split in named.items() if split != _UNLABELED}
    for split in set(real.values()):
        same = [folder for folder, other in real.items() if other == split]
        if len(same) > 1:
            raise DataError(f"{seen}: {_listed(same)} are both a {split} split. Give the right one by its path.")
    flat = [folder for folder in real if not _is_deep(folder)]
    if len(flat) == len(real) or any(real[folder] == TRAIN for folder in flat):
        raise DataError(
            f"{seen}: expected class folders in {_listed(flat or named)}, but they hold images directly. If these "
            "are splits, put the images into class folders; for images without labels, give one split by its "
            "path. If they are classes, list the images in a .csv file with the columns path,label, or rename "
            "the folders."
        )


def _refuse_splits_in_classes(classes: Sequence[Path], name: str) -> None:
    inner = [[folder for folder in entries(each).folders if _holds_images(folder)] for each in classes]
    splits = {split_named(folder.name) for folders in inner for folder in folders}
    if len(splits - {_UNLABELED}) > 1 and None not in splits and all(inner):
        raise DataError(
            f"{name}: each class folder holds {_listed(inner[0])}. Expected the splits outside and the classes "
            f"inside: {printable(inner[0][0].name)}/{printable(classes[0].name)}/IMAGE."
        )


def _listed(folders: Sequence[Path] | Mapping[Path, str]) -> str:
    names = sorted(printable(folder.name) for folder in folders)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _is_deep(folder: Path) -> bool:
    """Whether folders in it hold images."""
    return any(_holds_images(inner) for inner in _entries(folder).folders)


def _holds_images(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> bool:
    """At any depth."""
    found = _entries(folder)
    if found.images or not found.folders:
        return bool(found.images)
    here = identity(folder)
    return here not in above and any(_holds_images(inner, above | {here}) for inner in found.folders)


def _entries(folder: Path) -> Entries:
    try:
        return entries(folder)
    except OSError:
        return Entries((), (), Counter())
