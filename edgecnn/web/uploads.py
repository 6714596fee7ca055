"""Bodies that are too large for any number of them to be held in memory: a few at a time, and none for ever."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

_AT_ONCE = 2
_SECONDS = 60.0
_PART_BYTES = 1 << 18


class Uploads:
    """Those of one server."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    @contextlib.contextmanager
    def taken(self, stream: Any, length: int, is_alive: Callable[[], None]) -> Iterator[bytes | None]:
        """Yields a body, which counts as one of the few until the end; None where it didn't come in time.

        Args:
            stream: to read from.
            length: of the body, in bytes.
            is_alive: called again and again.
        """
        end = time.monotonic() + _SECONDS
        while not self._room.acquire(timeout=1):
            is_alive()
            if time.monotonic() > end:
                yield None
                return
        try:
            body = bytearray()
            while len(body) < length and time.monotonic() < end:
                is_alive()
                part = stream.read1(min(_PART_BYTES, length - len(body)))
                if not part:
                    break
                body += part
            yield bytes(body) if len(body) == length else None
        finally:
            self._room.release()
