"""What a camera's driver says of itself on Linux."""

from __future__ import annotations

import array
import contextlib
import os
import sys
from pathlib import Path

from . import files

if sys.platform != "win32":
    import fcntl

_QUERYCAP = 0x80685600  # VIDIOC_QUERYCAP of videodev2.h: read a struct v4l2_capability of 104 bytes


def capability(path: Path) -> bytes | None:
    """The struct v4l2_capability of a video device; None where it is none, or this is no Linux.

    Raises:
        PermissionError: this user may not ask it.
    """
    if sys.platform != "linux":
        return None
    answer = array.array("B", bytes(104))
    try:
        handle = os.open(path, os.O_RDWR | files.AT_ONCE)
    except PermissionError:
        raise
    except OSError:
        return None
    try:
        with contextlib.suppress(OSError):
            fcntl.ioctl(handle, _QUERYCAP, answer)
            return bytes(answer)
        return None
    finally:
        os.close(handle)
