"""Data sets by one syntax: `DATA` is a folder with a folder per class, a `.csv`/`.tsv` manifest, or a named set.

One file per kind. A kind defines `SYNTAX` (for help), `accepts(spec) -> bool` and `open_data(spec) -> DataSet`.
"""

from __future__ import annotations

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet, Example, FileExample, class_indices, readable
from edgecnn.data.kind import data_kinds, kind_of

__all__ = ["DataSet", "Example", "FileExample", "class_indices", "open_data", "readable"]


def open_data(spec: str) -> DataSet:
    """Open a data set; no image is read yet.

    Raises:
        DataError: nothing of that name or path exists, or it holds no images.
    """
    kind = kind_of(spec)
    if kind is None:
        choices = "; ".join(kind.SYNTAX for kind in data_kinds())
        raise DataError(f"There is no data set {spec!r}. Expected one of: {choices}.")
    return kind.open_data(spec)
