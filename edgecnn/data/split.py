"""Which images train, which validate, which test; decided by content, so that adding images moves none."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from edgecnn.core.errors import DataError
from edgecnn.core.progress import Progress, silent
from edgecnn.data import open_data
from edgecnn.data.dataset import DataSet
from edgecnn.data.kind import kind_of
from edgecnn.data.settings import SplitSettings


@dataclass(frozen=True)
class Splits:
    """Three data sets; `open_splits` puts an image and its copies into one, but takes given splits as they are.

    Attributes:
        train: what the weights are fitted to.
        validation: what early stopping and the choice of the best epoch look at.
        test: what nothing looks at before the end; None if there is none.
        digests: SHA-256 of each training and each validation image, in the data sets' order.
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
    spec: str,
    *,
    validation: str | None = None,
    test: str | None = None,
    share: float = SplitSettings.validation_share,
    labeled: bool = True,
    may_be_empty: bool = False,
    progress: Progress = silent,
) -> Splits:
    """Open a data set for training.

    Args:
        spec: `DATA`; a folder whose folders are splits (see `layout`) says them itself, and so does a named set with
            official test images.
        validation: another `DATA` to validate on; by default a share of the training images.
        test: another `DATA` to test on at the end.
        share: of the training images that validate: those whose SHA-256 is a smaller `fraction`.
        labeled: whether labels are needed.
        may_be_empty: whether no image may train, or validate.
        progress: told how much of large data was looked at.

    Raises:
        DataError: there is no such data, it has fewer than two classes, or a split is empty.
        SettingError: the share is not between 0 and 0.9.
    """
    SplitSettings(spec, validation, test, share)
    data = open_data(spec)
    train = _labeled(_training_part(data), labeled)
    digests = train.digests(progress)
    if validation is None and "validation" not in data.splits:
        chosen = [fraction(digest) < share for digest in digests]
        held, held_digests = _part(train, digests, chosen, True)
        train, digests = _part(train, digests, chosen, False)
    else:
        held = _labeled(_evaluation(validation, data, "validation"), labeled)
        held_digests = held.digests(progress)
    _refuse_empty(spec, train, held, may_be_empty)
    return Splits(train, held, _tested(spec, data, test, labeled), (digests, held_digests))


def _tested(spec: str, data: DataSet, test: str | None, labeled: bool) -> DataSet | None:
    test = test or (None if "test" in data.splits else _official_test(spec))
    return _labeled(_evaluation(test, data, "test"), labeled) if test or "test" in data.splits else None


def _refuse_empty(spec: str, train: DataSet, held: DataSet, may_be_empty: bool) -> None:
    if not may_be_empty and not (len(train) and len(held)):
        raise DataError(
            f"{spec} is split into {len(train)} training images and {len(held)} validation images; expected at "
            "least one of each. Give more images, another --validation-share, or --validation DATA."
        )


def fraction(sha256: str) -> float:
    """A digest's first 32 bits as a number in [0, 1)."""
    return int(sha256[:8], 16) / 2**32


def _training_part(data: DataSet) -> DataSet:
    if data.splits and "train" not in data.splits:
        raise DataError(
            f"{data.name} has the splits {', '.join(data.splits)}, but no training images; expected a folder "
            "named train."
        )
    train = data.splits.get("train", data)
    return dataclasses.replace(train, notes=tuple(dict.fromkeys((*data.notes, *train.notes))))


def _evaluation(spec: str | None, data: DataSet, split: str) -> DataSet:
    """Another data set, of which its own split of this kind is taken; or the split that the data itself has."""
    return data.splits[split] if spec is None else open_data(spec).part(split, "test", "validation")


def _official_test(spec: str) -> str | None:
    kind = kind_of(spec)
    return kind.official_test(spec) if kind else None


def _labeled(data: DataSet, needed: bool) -> DataSet:
    if data.task or not needed:
        return data  # the task looks at its annotations itself
    unlabeled = [example.name for example in data.examples if example.label is None]
    if unlabeled or len(data.classes) < 2:
        have = f"{len(unlabeled)} images without a label" if unlabeled else f"only the class {data.classes[0]}"
        raise DataError(f"{data.name} has {have}; expected labeled images of at least two classes.")
    return data


def _part(data: DataSet, digests: tuple[str, ...], chosen: list[bool], which: bool) -> tuple[DataSet, tuple[str, ...]]:
    rows = [row for row, flag in enumerate(chosen) if flag is which]
    return data.take(rows), tuple(digests[row] for row in rows)
