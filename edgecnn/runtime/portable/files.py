"""Opening and replacing files: flags that some systems lack, and Windows, which refuses to replace what is open."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Flags for `os.open`: wait for no FIFO's other end, leave nothing to children, and give bytes as they are."""
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Flag for `os.open`: refuse a symbolic link."""
_TRIES, _PAUSE_S = 50, 0.02


def replace(source: Path, target: Path) -> None:
    """Rename a file over another.

    On Windows that fails while a virus scanner, an indexer or a reader has either open, mostly for a moment: it is
    tried again for a second.

    Raises:
        OSError: as of `os.replace`.
    """
    if sys.platform == "win32":
        for _ in range(_TRIES):
            with contextlib.suppress(PermissionError):
                source.replace(target)
                return
            time.sleep(_PAUSE_S)
    source.replace(target)


def scratch() -> IO[bytes]:
    """An open file without a name, which is gone when it is closed: in memory, where the system has that."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("edgecnn"), "w+b")
    return tempfile.TemporaryFile()
