"""Images of the demo whose answer was wrong, as a person labeled them, in a folder per class."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from edgecnn.camera.corrections import Corrections
from edgecnn.collecting.pictures import Said
from edgecnn.collecting.store import STORED, Store
from edgecnn.core.text import counted


class StoredCorrections:
    """Those of a demo, in an open folder."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def classes(self) -> list[str]:
        """Those that are there already."""
        return self._store.classes

    def keep(self, label: str, picture: np.ndarray, said: str) -> str:
        """See `Corrections.keep`."""
        name = self._store.add_class(label)
        outcome = self._store.add(name, picture, said=Said(said) if said else None)
        count = counted(self._store.counts()[name], "image")
        return f"{name}: {'stored' if outcome == STORED else 'a near-duplicate is there already'}, {count} in all."


@contextlib.contextmanager
def corrections_of(folder: str) -> Iterator[Corrections | None]:
    """What keeps images in a folder of class folders; None for no folder.

    Raises:
        UsageError: the folder holds splits instead of classes.
        EdgecnnError: it can't be written, or another process collects into it.
    """
    if not folder:
        yield None
        return
    with contextlib.closing(Store(folder)) as store:
        yield StoredCorrections(store)
