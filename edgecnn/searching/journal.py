"""A search's folder: a file for each step that is done, whole or absent, so that a killed search goes on."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from edgecnn.core import files, folder_lock
from edgecnn.core.errors import RecordError, UsageError
from edgecnn.core.version import __version__
from edgecnn.runtime.model.validation import Record

R = TypeVar("R", bound=Record)
_PARTS = ("estimates", "trials", "finalists")
_RESULTS = ("search.json", "search.html", "best.toml")


class Journal:
    """The steps of one search, by their paths in its folder.

    Args:
        folder: of the search.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str, kind: type[R]) -> R | None:
        """A step's record; None where it isn't done, or its file is damaged."""
        try:
            return kind.from_dict(files.read_json(self.folder / name))
        except RecordError:
            return None

    def write(self, name: str, record: Record) -> None:
        """Keep a step's record."""
        files.write_json(self.folder / name, record.to_dict())


@contextlib.contextmanager
def opened(folder: Path, task: Any, *, restart: bool) -> Iterator[Journal]:
    """A search's folder, held against other searches until the end.

    Args:
        folder: of the search.
        task: what is searched for, as JSON values; a folder with another task is refused.
        restart: forget what was done.

    Raises:
        UsageError: it holds another search.
        EdgecnnError: it can't be written, or another search is using it.
    """
    with folder_lock.held(folder, "Another search is using the folder"):
        if restart:
            _forget(folder)
        basis = {"edgecnn": __version__, "task": task}
        kept, path = files.read_json(folder / "task.json"), folder / "task.json"
        plain = json.loads(json.dumps(basis))
        if kept is not None and kept != plain:
            changed = _changed(kept, plain)
            raise UsageError(
                f"{folder} holds a search with other settings ({changed}). Choose another folder with --output, or "
                "start over with --restart."
            )
        if kept is None:
            files.write_json(path, basis)
        yield Journal(folder)


def _changed(kept: Any, basis: Any) -> str:
    """Names of what differs."""
    before, now = (dict(each.get("task") or {}) for each in (kept, basis))
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return ", ".join(names) or "another version of edgecnn"


def _forget(folder: Path) -> None:
    for part in _PARTS:
        shutil.rmtree(folder / part, ignore_errors=True)
    for name in ("task.json", *_RESULTS):
        (folder / name).unlink(missing_ok=True)
