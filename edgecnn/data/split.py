"""Which pictures train, which validate, which test; decided by content, so that adding pictures moves none."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.core.registry import DATA_KINDS
from edgecnn.data import open_data
from edgecnn.data.dataset import DataSet
from edgecnn.data.settings import SplitSettings

_TRAIN = "train"
_VALIDATION = ("validation", "valid", "val")
_TEST = ("test",)


@dataclass(frozen=True)
class Splits:
    """Three data sets; `open_splits` puts a picture and its copies into one, but takes given splits as they are.

    Attributes:
        train: what the weights are fitted to.
        validation: what early stopping and the choice of the best epoch look at.
        test: what nothing looks at before the end; None if there is none.
        digests: SHA-256 of each training and each validation picture, in the data sets' order.
    """

    train: DataSet
    validation: DataSet
    test: DataSet | None
    digests: tuple[tuple[str, ...], tuple[str, ...]]

    def named(self) -> dict[str, DataSet]:
        """The splits there are, by name."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: data for name, data in splits.items() if data is not None}


def open_splits(
    spec: str, *, validation: str | None = None, test: str | None = None, share: float = SplitSettings.validation_share
) -> Splits:
    """Open a data set for training.

    Args:
        spec: `DATA`; a folder whose folders are `train` and `test` and/or `validation` (`val`, `valid`) says the
            splits itself, and so does a named set with official test pictures.
        validation: another `DATA` to validate on; by default a share of the training pictures.
        test: another `DATA` to test on at the end.
        share: of the training pictures that validate; a picture is among them if the first 32 bits of its
            SHA-256, as a fraction, are below it.

    Raises:
        DataError: there is no such data, it has fewer than two classes, or a split is empty.
        SettingError: the share is not between 0 and 0.9.
    """
    SplitSettings(spec, validation, test, share)
    found = _official(spec)
    train = _labeled(open_data(found["train"]))
    validation, test = validation or found.get("validation"), test or found.get("test")
    digests = digests_of(train)
    if validation is None:
        chosen = [fraction(digest) < share for digest in digests]
        held, held_digests = _part(train, digests, chosen, True)
        train, digests = _part(train, digests, chosen, False)
    else:
        held = _labeled(open_data(validation))
        held_digests = digests_of(held)
    if not len(train) or not len(held):
        raise DataError(
            f"{spec}: {len(train)} pictures to train and {len(held)} to validate. "
            "Give more pictures, another --validation-share, or --validation DATA."
        )
    tested = None if test is None else _labeled(open_data(test))
    return Splits(train, held, tested, (digests, held_digests))


def fraction(sha256: str) -> float:
    """A digest's first 32 bits as a number in [0, 1)."""
    return int(sha256[:8], 16) / 2**32


def _official(spec: str) -> dict[str, str]:
    """The splits that the data set itself says."""
    root = Path(spec)
    if root.is_dir():
        folders = {path.name: str(path) for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
        known = {
            split: folders[name]
            for split, names in (("train", (_TRAIN,)), ("validation", _VALIDATION), ("test", _TEST))
            for name in names
            if name in folders
        }
        if len(known) > 1 and "train" in known and len(known) == len(folders):
            return known
    for kind in map(DATA_KINDS.load, DATA_KINDS.names()):
        if kind.accepts(spec) and hasattr(kind, "official_test") and kind.official_test(spec):
            return {"train": spec, "test": kind.official_test(spec)}
    return {"train": spec}


def _labeled(data: DataSet) -> DataSet:
    if data.task:
        return data  # the task looks at its annotations itself
    unlabeled = [example.name for example in data.examples if example.label is None]
    if unlabeled or len(data.classes) < 2:
        have = f"{len(unlabeled)} unlabeled pictures" if unlabeled else f"one class, {data.classes[0]}"
        raise DataError(f"{data.name} has {have}; expected pictures of at least two classes, all labeled.")
    return data


def digests_of(data: DataSet) -> tuple[str, ...]:
    """SHA-256 of each picture, in order."""
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(lambda example: example.sha256(), data.examples))


def _part(data: DataSet, digests: tuple[str, ...], chosen: list[bool], which: bool) -> tuple[DataSet, tuple[str, ...]]:
    rows = [row for row, flag in enumerate(chosen) if flag is which]
    examples = tuple(data.examples[row] for row in rows)
    return dataclasses.replace(data, examples=examples), tuple(digests[row] for row in rows)
