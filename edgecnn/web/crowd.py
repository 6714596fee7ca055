"""The connections of the page's server: a limit to their number and their time that locks no viewer out."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

MAX_CONNECTIONS = 64
_BUSY_S = 3.0  # an answer that takes longer makes room for a newcomer: a viewer's takes a second at most
_LEAVE_S = 0.5  # for a thread to notice that its socket was shut down


class Crowd:
    """Who is connected, at most `MAX_CONNECTIONS`: whoever is slow makes room for those who come.

    Each connection has a thread, which ends when its socket is shut down.
    """

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self._asking: dict[socket.socket, float] = {}  # since when each has been sending its request, the oldest first
        self._hearing: dict[socket.socket, float] = {}  # since when each has been receiving its answer

    def enter(self, peer: socket.socket) -> bool:
        """Make room for a newcomer; whether there is some."""
        if not self._room.acquire(blocking=False):
            self._send_away()
            if not self._room.acquire(timeout=_LEAVE_S):
                return False
        self.asks(peer)
        return True

    def asks(self, peer: socket.socket) -> None:
        """A request is expected from now on."""
        self._move(peer, self._hearing, self._asking)

    def hears(self, peer: socket.socket) -> None:
        """The request is there: it is answered from now on."""
        self._move(peer, self._asking, self._hearing)

    def leave(self, peer: socket.socket) -> None:
        """The connection has ended."""
        with self._lock:
            self._asking.pop(peer, None)
            self._hearing.pop(peer, None)
        self._room.release()

    def hang_up(self, asking_s: float = 0.0, hearing_s: float = 0.0) -> None:
        """End the connections that have been in their state for longer; by default all."""
        now = time.monotonic()
        with self._lock:
            late = [peer for peer, since in self._asking.items() if now - since >= asking_s]
            late += [peer for peer, since in self._hearing.items() if now - since >= hearing_s]
            for peer in late:
                _shut_down(peer)

    def _move(
        self, peer: socket.socket, source: dict[socket.socket, float], target: dict[socket.socket, float]
    ) -> None:
        with self._lock:
            source.pop(peer, None)
            target.pop(peer, None)
            target[peer] = time.monotonic()

    def _send_away(self) -> None:
        """End the connection that has kept us waiting for the longest time."""
        with self._lock:
            if self._asking:
                _shut_down(next(iter(self._asking)))
            elif self._hearing and time.monotonic() - next(iter(self._hearing.values())) > _BUSY_S:
                _shut_down(next(iter(self._hearing)))


def _shut_down(peer: socket.socket) -> None:
    with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)
