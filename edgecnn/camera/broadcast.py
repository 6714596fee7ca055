"""Pictures for the page's viewers: each is encoded once, on demand, and at a limited rate."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from edgecnn.camera.frames import Frame
from edgecnn.runtime.opencv import opencv

_MAX_SIDE = 960
_QUALITY = 80


class Framed(Protocol):
    """What is shown: a frame, and what belongs to it."""

    @property
    def frame(self) -> Frame:
        """The image."""


F = TypeVar("F", bound=Framed)


@dataclass(frozen=True)
class Packet:
    """One image for all viewers: its number, the JPEG, and what is said of it."""

    number: int
    jpeg: bytes
    said: dict[str, Any]

    @staticmethod
    def packed(said: Any, packet: Packet | None) -> bytes:
        """For a viewer: the length of the JSON in 4 bytes, most significant first; the JSON; the JPEG, if any."""
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
        return len(text).to_bytes(4, "big") + text + (packet.jpeg if packet else b"")


class Broadcast(Generic[F]):
    """A view that encodes on demand.

    Args:
        describe: what to say of an answer, JSON values.
        fps: images per second at most, however many viewers there are.
        remembered: how many of the latest images that were encoded `shown` finds.
    """

    def __init__(self, describe: Callable[[F], dict[str, Any]], fps: float = 30.0, remembered: int = 0) -> None:
        self.encode_ms = 0.0
        self.encoded = 0
        self._describe = describe
        self._interval_s = 1 / fps
        self._newest: F | None = None
        self._latest: deque[F] = deque(maxlen=remembered)
        self._packet: Packet | None = None
        self._waiting = 0
        self._closed = False
        lock = threading.Lock()
        self._wanted = threading.Condition(lock)
        self._ready = threading.Condition(lock)
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    def show(self, answer: F) -> None:
        """Keep the newest answer; wakes the encoder only when a viewer waits."""
        with self._wanted:
            self._newest = answer
            if self._waiting:
                self._wanted.notify()

    def close(self) -> None:
        """Release all viewers."""
        with self._wanted:
            self._closed = True
            self._wanted.notify_all()
            self._ready.notify_all()
        self._thread.join()

    def wait(self, after: int, timeout_s: float) -> Packet | None:
        """The first image that is encoded after number `after`; None when there is none in time."""
        with self._ready:
            if self._newest is not None and after > self._newest.frame.number:
                after = 0  # the viewer remembers an earlier run of the demo
            self._waiting += 1
            self._wanted.notify()
            try:
                self._ready.wait_for(lambda: self._closed or self._is_after(after), timeout_s)
            finally:
                self._waiting -= 1
            return self._packet if self._is_after(after) else None

    def shown(self, number: int) -> F | None:
        """What viewers saw as that number, if it is remembered."""
        with self._ready:
            return next((each for each in self._latest if each.frame.number == number), None)

    def _is_after(self, number: int) -> bool:
        return self._packet is not None and self._packet.number > number

    def _run(self) -> None:
        while (answer := self._next()) is not None:
            start = time.monotonic()
            packet = Packet(
                answer.frame.number, encode(answer.frame.picture, answer.frame.order), self._describe(answer)
            )
            self.encode_ms = (time.monotonic() - start) * 1e3
            with self._ready:
                self._packet = packet
                self._latest.append(answer)
                self.encoded += 1
                self._ready.notify_all()
            time.sleep(max(0.0, start + self._interval_s - time.monotonic()))

    def _next(self) -> F | None:
        with self._wanted:
            self._wanted.wait_for(lambda: self._closed or (self._waiting > 0 and self._is_news()))
            return None if self._closed else self._newest

    def _is_news(self) -> bool:
        return self._newest is not None and (self._packet is None or self._newest.frame.number != self._packet.number)


def encode(picture: np.ndarray, order: str, quality: int = _QUALITY, most_side: int | None = _MAX_SIDE) -> bytes:
    """JPEG of uint8 (height, width, 3), made smaller where a side has more pixels than `most_side`."""
    cv2 = opencv()
    scale = most_side / max(picture.shape[:2]) if most_side else 1.0
    if scale < 1:
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if order == "rgb":
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return bytes(data)
