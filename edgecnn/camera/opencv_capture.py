"""Reading through cv2.VideoCapture, with the messages that it lacks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgecnn.camera.source import SourceLost, plausible_time
from edgecnn.runtime.opencv import opencv


def open_capture(address: Any, backend: str, settings: Mapping[str, float]) -> Any:
    """An opened cv2.VideoCapture, or None. `settings` are names of OpenCV properties, such as FRAME_WIDTH."""
    cv2 = opencv()
    flat = [value for name, wish in settings.items() for value in (getattr(cv2, f"CAP_PROP_{name}"), int(wish))]
    try:
        capture = cv2.VideoCapture(address, getattr(cv2, f"CAP_{backend}"), flat)
        if not capture.isOpened() and backend == "V4L2":
            # A driver that can't meet one of the requests refuses them all; without requests it takes its own default.
            capture = cv2.VideoCapture(address, cv2.CAP_V4L2)
    except cv2.error:
        return None
    return capture if capture.isOpened() else None


class LiveCapture:
    """A camera or network stream behind cv2.VideoCapture."""

    live = True

    def __init__(self, capture: Any, name: str, fps: float) -> None:
        self._capture = capture
        self.name = name
        self.fps = float(capture.get(opencv().CAP_PROP_FPS)) or fps

    def grab(self, stamped: bool) -> tuple[np.ndarray, float]:
        """The next image and when it was taken; `stamped`: the driver tells that on the monotonic clock."""
        if not self._capture.grab():
            raise SourceLost(f"{self.name} delivers no more frames")
        now = time.monotonic()
        exposed_at = plausible_time(self._capture.get(opencv().CAP_PROP_POS_MSEC) / 1e3) if stamped else now
        ok, picture = self._capture.retrieve()
        if not ok or picture is None:
            raise SourceLost(f"{self.name} sent a frame that can't be decoded")
        return picture, exposed_at

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()
