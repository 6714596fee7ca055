"""Ports of this machine."""

from __future__ import annotations

import errno
import socket
import sys

if sys.platform == "win32":  # it hands a port that is taken to whoever says SO_REUSEADDR
    _OPTION = socket.SO_EXCLUSIVEADDRUSE
    TAKEN: tuple[int, ...] = (errno.EADDRINUSE, errno.EACCES)
else:
    _OPTION = socket.SO_REUSEADDR
    TAKEN = (errno.EADDRINUSE,)
"""TAKEN: error numbers of `bind` where another program listens on the port."""


def claim(listener: socket.socket) -> None:
    """Say before `bind` that a port may have been ours a moment ago, but must not be another program's now."""
    listener.setsockopt(socket.SOL_SOCKET, _OPTION, 1)
