"""HTTP connections with an overall time limit, whatever the other side sends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.request
from http.client import HTTPConnection, HTTPResponse
from typing import Any

_LOOK_S = 0.2


class Patience:
    """Shuts the sockets of connections down when time is over; then whoever reads from one goes on with an error.

    A timeout of a socket is for each of its reads: a byte a second would never end.

    Attributes:
        is_over: whether that happened.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._end = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._done = threading.Event()
        threading.Thread(target=self._watch, name="patience", daemon=True).start()

    def allow(self, seconds: float) -> None:
        """From now on it may take so long."""
        self._end = time.monotonic() + seconds

    def end(self) -> None:
        """Nobody waits any more."""
        self._done.set()

    def watch(self, connection: HTTPConnection) -> None:
        """Watch a connection from the moment when it has a socket."""
        connect = connection.connect

        def watched() -> None:
            connect()
            self._sockets.append(connection.sock)
            if self.is_over:
                self._hang_up()

        connection.connect = watched  # type: ignore[method-assign]

    def _watch(self) -> None:
        while not self._done.wait(_LOOK_S):
            if time.monotonic() > self._end:
                self.is_over = True
                self._hang_up()
                return

    def _hang_up(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Handler(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """For `urllib.request.build_opener`: watches each connection that it makes, redirects included."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._patience = patience

    def do_open(self, http_class: Any, req: Any, **http_conn_args: Any) -> HTTPResponse:
        """As `AbstractHTTPHandler` does it."""

        def make(*arguments: Any, **options: Any) -> HTTPConnection:
            connection: HTTPConnection = http_class(*arguments, **options)
            self._patience.watch(connection)
            return connection

        return super().do_open(make, req, **http_conn_args)
