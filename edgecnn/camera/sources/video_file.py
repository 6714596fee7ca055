"""A video file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from edgecnn.camera.opencv_capture import open_capture
from edgecnn.camera.source import CorruptFrame, Shot, SourceEnded, Wish
from edgecnn.camera.sources.picture_folder import is_picture
from edgecnn.core.errors import CameraError
from edgecnn.runtime.opencv import opencv

EXAMPLE = "a video file"


class VideoFile:
    """Frames of a file in order. A frame that can't be decoded is passed over."""

    live = False

    def __init__(self, capture: Any, name: str) -> None:
        cv2 = opencv()
        self._capture = capture
        self._count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._read = 0
        self.name = name
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= 1000 else 30.0

    def read(self) -> Shot:
        """The next frame."""
        start = time.monotonic()
        ok, picture = self._capture.read()
        self._read += 1
        if ok and picture is not None:
            return Shot(picture, start)
        if self._read < self._count:
            raise CorruptFrame(f"{self.name}: frame {self._read} can't be decoded")
        raise SourceEnded(f"{self.name} ended")

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def matches(address: str) -> bool:
    """Whether the address is a file, but no image."""
    path = Path(address)
    return path.is_file() and not is_picture(path)


def open_source(address: str, wish: Wish) -> VideoFile:
    """Open a video."""
    capture = open_capture(address, "FFMPEG", {}) or open_capture(address, "ANY", {})
    if capture is None:
        raise CameraError(f"{address} is not a video that can be decoded; expected MP4, AVI, MKV, MOV or WebM.")
    return VideoFile(capture, Path(address).name)
