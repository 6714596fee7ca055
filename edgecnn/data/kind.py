"""What a kind of data set is, and which one a text names."""

from __future__ import annotations

import re
from typing import Protocol

from edgecnn.core.registry import DATA_KINDS
from edgecnn.data.dataset import DataSet


class DataKindFile(Protocol):
    """A file of `edgecnn/data/kinds/`.

    Attributes:
        SYNTAX: how such data is named, for help and error messages.
    """

    SYNTAX: str

    def accepts(self, spec: str) -> bool:
        """Whether this kind handles the text; cheap, and true for one kind only."""

    def open_data(self, spec: str) -> DataSet:
        """Open it; no image is read yet.

        Raises:
            DataError: it is damaged, or holds no images.
        """


class DataKind(DataKindFile, Protocol):
    """The same with what a file may leave out."""

    @staticmethod
    def official_test(spec: str) -> str | None:
        """The data of the official test images that belong to these training images, if there are any."""
        return None


def kind_of(spec: str) -> DataKind | None:
    """The kind that such data is of; None for none."""
    return next((kind for kind in data_kinds() if kind.accepts(spec)), None)


def named_sets() -> list[str]:
    """Data sets that have a name, e.g. "photos"."""
    first = (re.match(r"[a-z][a-z-]{2,}(?=[\[ ])", kind.SYNTAX) for kind in data_kinds())
    return [found[0] for found in first if found]


def data_kinds() -> list[DataKind]:
    """All kinds, by name."""
    return [DATA_KINDS.plugin(name, DataKind) for name in DATA_KINDS.names()]
