"""Ports of this machine."""

from __future__ import annotations

import errno
import socket
import sys

# Windows hands a port that is taken to whoever says SO_REUSEADDR, and calls one that is taken exclusively forbidden.
_OPTION = socket.SO_EXCLUSIVEADDRUSE if sys.platform == "win32" else socket.SO_REUSEADDR
TAKEN = (errno.EADDRINUSE, errno.EACCES) if sys.platform == "win32" else (errno.EADDRINUSE,)
"""Error numbers of `bind` where another program listens on the port."""


def claim(listener: socket.socket) -> None:
    """Say before `bind` that a port may have been ours a moment ago, but must not be another program's now."""
    listener.setsockopt(socket.SOL_SOCKET, _OPTION, 1)
