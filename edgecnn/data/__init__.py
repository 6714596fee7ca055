"""Data sets by one syntax: `DATA` is a folder with a folder per class, a `.csv`/`.tsv` manifest, or a named set.

One file per kind. A kind defines `SYNTAX` (for help), `accepts(spec) -> bool` and `open_data(spec) -> DataSet`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from edgecnn.core import file_kind
from edgecnn.core.errors import DataError
from edgecnn.core.text import did_you_mean
from edgecnn.data.class_names import class_indices
from edgecnn.data.dataset import DataSet, Example, FileExample, readable
from edgecnn.data.kind import data_kinds, kind_of, named_sets

__all__ = ["DataSet", "Example", "FileExample", "class_indices", "open_data", "readable"]


def open_data(spec: str) -> DataSet:
    """Open a data set; no image is read yet.

    Raises:
        DataError: nothing of that name or path exists, or it holds no images.
    """
    kind = kind_of(spec)
    if kind is None:
        choices = "; ".join(kind.SYNTAX for kind in data_kinds())
        other = file_kind.kind_of(spec)
        told = f"{spec} is {other.words}, not a data set." if other else f"There is no data set {spec!r}."
        raise DataError(f"{told}{_meant(spec)} Expected one of: {choices}.")
    return kind.open_data(spec)


def _meant(spec: str) -> str:
    """What a mistyped name may have meant: a named set, or a folder or file in the same place."""
    names = named_sets()
    with contextlib.suppress(OSError, ValueError):
        names += [str(each) for each in Path(spec).parent.iterdir() if each.is_dir()]
    meant = did_you_mean(spec, names)
    return f" {meant}" if meant else ""
