"""A video file that plays in real time; whole at the end, absent before."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import CameraError
from edgecnn.core.files import replacing
from edgecnn.runtime.opencv import opencv

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "MJPG"}
_LONGEST_GAP_S = 5.0


class VideoFile:
    """A video that is being written.

    Args:
        path: ends with one of `CODECS`.
        fps: of the video. Its frames show the newest image at their time.
        each_once: write each image once instead, for sources that are not in real time.

    Attributes:
        written: frames so far.
    """

    def __init__(self, path: str | Path, fps: float, each_once: bool = False) -> None:
        self.written = 0
        self._fps, self._each_once, self._suffix = fps, each_once, Path(path).suffix.lower()
        self._exit = contextlib.ExitStack()
        self._temporary = self._exit.enter_context(replacing(path))
        self._writer: Any = None
        self._size = (0, 0)
        self._start = 0.0

    def write(self, picture: np.ndarray, at: float) -> None:
        """Append an image, uint8 (height, width, 3) in blue-green-red, taken at a time in seconds.

        Raises:
            CameraError: OpenCV can't write such a video.
        """
        if self._writer is None:
            self._open(picture)
            self._start = at
        copies = 1
        if not self._each_once:
            behind = (at - self._start) * self._fps - self.written + 1
            copies = max(0, min(round(behind), round(_LONGEST_GAP_S * self._fps)))
            if behind > copies + 1:  # the camera was away: leave the gap out
                self._start = at - (self.written + copies - 1) / self._fps
        picture = letterbox(picture, self._size)
        for _ in range(copies):
            self._writer.write(picture)
        self.written += copies

    def _open(self, picture: np.ndarray) -> None:
        cv2 = opencv()
        height, width = (side - side % 2 for side in picture.shape[:2])
        self._size = (width, height)
        codec = cv2.VideoWriter.fourcc(*CODECS[self._suffix])
        self._writer = cv2.VideoWriter(str(self._temporary), codec, self._fps, self._size)
        if not self._writer.isOpened():
            raise CameraError(f"OpenCV on this machine can't write {width} x {height} video of this kind")

    def keep(self) -> None:
        """Finish the file.

        Raises:
            EdgecnnError: it can't be put in its place.
        """
        self._release()
        self._exit.close()

    def discard(self) -> None:
        """Leave nothing."""
        self._release()
        with contextlib.suppress(Exception):
            self._exit.__exit__(CameraError, CameraError(""), None)

    def _release(self) -> None:
        if self._writer is not None:
            self._writer.release()


def letterbox(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Fit an image into (width, height) with black bars, for a camera that changes its resolution on the way."""
    width, height = size
    if picture.shape[:2] == (height, width):
        return picture
    cv2 = opencv()
    scale = min(width / picture.shape[1], height / picture.shape[0])
    columns, rows = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    canvas[top : top + rows, left : left + columns] = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    return canvas
