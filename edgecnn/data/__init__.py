"""Data sets by one syntax: `DATA` is a folder with a folder per class, a `.csv`/`.tsv` manifest, or a named set.

One file per kind. A kind defines `SYNTAX` (for help), `accepts(spec) -> bool` and `open_data(spec) -> DataSet`.
"""

from __future__ import annotations

from edgecnn.core.errors import DataError
from edgecnn.core.registry import DATA_KINDS
from edgecnn.data.dataset import DataSet, Example, FileExample, class_indices, readable

__all__ = ["DataSet", "Example", "FileExample", "class_indices", "open_data", "readable"]


def open_data(spec: str) -> DataSet:
    """Open a data set; no picture is read yet.

    Raises:
        DataError: nothing of that name or path exists, or it holds no pictures.
    """
    for name in DATA_KINDS.names():
        kind = DATA_KINDS.load(name)
        if kind.accepts(spec):
            data: DataSet = kind.open_data(spec)
            return data
    choices = "; ".join(DATA_KINDS.load(name).SYNTAX for name in DATA_KINDS.names())
    raise DataError(f"There is no data set {spec!r}. Expected one of: {choices}.")
