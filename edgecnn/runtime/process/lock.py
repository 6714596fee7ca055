"""One measurement at a time on a machine: two at once would measure each other."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import EdgecnnError
from ..portable import files, locks

FILE_NAME = "edgecnn-measuring.lock"


@contextlib.contextmanager
def measuring(wait_s: float) -> Iterator[None]:
    """Hold the machine's lock; the kernel lets go of it however the process ends.

    Raises:
        EdgecnnError: another measurement holds it for longer than `wait_s`.
    """
    handle = _open(Path(tempfile.gettempdir()) / FILE_NAME)
    if handle is None:
        yield
        return
    try:
        _take(handle, wait_s)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int | None:
    """Anybody may take the lock of this machine; a folder that can't be written has none."""
    for flags in (os.O_RDONLY, os.O_RDONLY | os.O_CREAT | os.O_EXCL, os.O_RDONLY):
        try:
            return os.open(path, flags | files.AT_ONCE | files.NO_LINK, 0o644)
        except OSError:
            continue
    return None


def _take(handle: int, wait_s: float) -> None:
    deadline, told = time.monotonic() + wait_s, False
    while True:
        if locks.take(handle):
            return
        if time.monotonic() >= deadline:
            raise EdgecnnError(
                f"Another measurement has been running on this machine for {wait_s:.0f} s. Two at once would "
                "disturb each other: wait until it ends."
            )
        if not told:
            print("note: Waiting until another measurement on this machine ends.", file=sys.stderr, flush=True)
            told = True
        time.sleep(0.1)
