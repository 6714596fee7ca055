"""The files below DATA: who may write there, how they are named and moved, and which images are there already."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from edgecnn.collecting.pictures import HIDDEN, REMOVED, REVIEW
from edgecnn.core import files
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.data.layout import find_layout
from edgecnn.data.listing import entries, identity, images_below, printable
from edgecnn.runtime.model.json_text import decoded
from edgecnn.runtime.portable import locks

_LEFTOVER = re.compile(r"\.\d{8}T\d{6}-\d{6}-\d+-\w+\.tmp\.\w+")  # of a name of ours, by `files.replacing`


class Disk:
    """One folder, which no other process collects into meanwhile.

    Raises:
        EdgecnnError: it can't be written, or another process collects into it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._session = time.strftime("%Y%m%dT%H%M%S")
        self._number = 0
        self.make(HIDDEN)
        try:
            self._lock = files.open_lock(root / HIDDEN / ".lock")
        except OSError as error:
            raise EdgecnnError(
                f"Can't write to {root}: {error.strerror}. Choose a folder that can be written."
            ) from error
        if not locks.take(self._lock):
            os.close(self._lock)
            raise EdgecnnError(f"Another edgecnn process collects into {root}. End it, or choose another folder.")
        self.forget_removed()

    def close(self) -> None:
        """Let others collect."""
        self.forget_removed()
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def forget_removed(self) -> None:
        """Delete what was removed."""
        shutil.rmtree(self.root / REMOVED, ignore_errors=True)

    def make(self, place: str) -> None:
        """Make a folder, unless it is there.

        Raises:
            EdgecnnError: it can't be made.
        """
        try:
            (self.root / place).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EdgecnnError(
                f"Can't make the folder {self.root / place}: {error.strerror}. Choose a folder that can be written."
            ) from error

    def free_name(self, place: str, suffix: str) -> str:
        """The name of a new file: names sort by time."""
        while True:
            self._number += 1
            name = f"{self._session}-{self._number:06d}{suffix}"
            if not os.path.lexists(self.root / place / name):
                return name

    def move(self, key: str, place: str) -> str:
        """Move a file to another place; returns its name there.

        Raises:
            EdgecnnError: it can't be moved.
        """
        self.make(place)
        name = Path(key).name
        if os.path.lexists(self.root / place / name):
            name = self.free_name(place, Path(name).suffix)
        try:
            (self.root / key).rename(self.root / place / name)
        except OSError as error:
            raise EdgecnnError(
                f"Can't move {key} to {place}: {error.strerror}. Check whether it is still there, and the permissions."
            ) from error
        return name

    def found(self) -> tuple[list[str], list[tuple[str, str]]]:
        """The classes that are there, and (place, name) of their images and of those to review, the oldest first.

        Raises:
            UsageError: there are splits instead of classes.
            DataError: that isn't clear.
        """
        layout = find_layout(self.root, str(self.root))
        if layout.splits:
            first = printable(next(iter(layout.splits.values())).name)
            raise UsageError(
                f"{self.root} holds splits ({', '.join(layout.splits)}); images are collected into folders of classes. "
                f"Give one of the splits: {self.root / first}"
            )
        above = frozenset((identity(self.root),))
        classes = [folder.name for folder in entries(self.root).folders if _is_text(folder.name)]
        self._remove_leftovers((*classes, REVIEW))
        paths = [
            (path.stat().st_mtime_ns, place, path.relative_to(self.root / place).as_posix())
            for place in (*classes, REVIEW)
            if (self.root / place).is_dir()
            for path in images_below(self.root / place, Counter(), above)
        ]
        return classes, [(place, name) for _, place, name in sorted(paths) if _is_text(name)]

    def _remove_leftovers(self, places: Iterable[str]) -> None:
        """Remove the files that a killed process was about to write; none is written now, since we have the lock."""
        for place in places:
            for path in (self.root / place).glob(".*.tmp.*"):
                if _LEFTOVER.fullmatch(path.name):
                    path.unlink(missing_ok=True)


def _is_text(name: str) -> bool:
    """Whether a page can show a file's name, and name it again."""
    return name.isprintable() and decoded(name) == name
