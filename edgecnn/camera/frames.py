"""A captured frame, and the slot that holds the newest one."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np

from edgecnn.runtime.run.engine import Engine


@dataclass
class Frame:
    """One image on its way from the source to the answer.

    Attributes:
        number: 1 for the first frame that was captured.
        picture: uint8 (height, width, 3).
        order: its channel order, "bgr" or "rgb".
        exposed_at: `time.monotonic()` seconds when the image was taken, as near to the glass as the source tells.
        capture_ms: from there until the decoded image was in memory.
        time_s: its place in the video; for a camera seconds since the demo started.
        name: file name, where the source is a folder of images.
        tensor: the model's input, once `prepare` was called.
        resize_ms: how long that took.
    """

    number: int
    picture: np.ndarray
    order: str
    exposed_at: float
    capture_ms: float
    time_s: float = 0.0
    name: str = ""
    tensor: np.ndarray | None = None
    resize_ms: float = 0.0

    def prepare(self, engine: Engine) -> np.ndarray:
        """The input tensor by the model's contract; computed once."""
        if self.tensor is None:
            start = time.perf_counter()
            self.tensor = engine.prepare(self.picture, self.order)
            self.resize_ms = (time.perf_counter() - start) * 1e3
        return self.tensor


class Slot:
    """Room for one frame: a newer one replaces the one that nobody took, so that delay never builds up."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._changed = threading.Condition()

    def put(self, frame: Frame) -> bool:
        """Leave a frame; returns whether an older one was dropped for it."""
        with self._changed:
            dropped = self._frame is not None
            self._frame = frame
            self._changed.notify_all()
        return dropped

    def take(self, timeout_s: float) -> Frame | None:
        """The newest frame, waiting for one; None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None, timeout_s)
            frame, self._frame = self._frame, None
            self._changed.notify_all()
        return frame

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until the frame was taken, for sources that must not lose any."""
        with self._changed:
            return self._changed.wait_for(lambda: self._frame is None, timeout_s)
