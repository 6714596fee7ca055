"""A folder of one run or search at a time: two would overwrite each other's files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from edgecnn.core import files
from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.portable import locks


@contextlib.contextmanager
def held(folder: Path, taken: str) -> Iterator[None]:
    """Hold a folder, which is made if it is missing, until the end.

    Args:
        folder: that `--output` names.
        taken: who holds it, where another does: the beginning of the message, before the folder.

    Raises:
        EdgecnnError: it can't be written, or another holds it.
    """
    try:
        handle = files.open_lock(folder / ".lock")
    except OSError as error:
        raise EdgecnnError(
            f"Can't write to {folder}: {error.strerror}. Choose another folder with --output."
        ) from error
    with os.fdopen(handle, "wb") as lock:
        if not locks.take(lock.fileno()):
            raise EdgecnnError(f"{taken} {folder}. Wait until it ends, or choose another folder with --output.")
        yield
