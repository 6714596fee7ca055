"""A recording of the image with the answers, in real time."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.camera.overlay import draw
from edgecnn.camera.recognize import Answer
from edgecnn.core.errors import CameraError, UsageError
from edgecnn.core.files import replacing
from edgecnn.runtime.opencv import opencv

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "MJPG"}
_LONGEST_GAP_S = 5.0


class Recording:
    """A view that writes a video; whole at the end, absent before.

    Args:
        path: ends in .mp4, .avi or .mkv.
        fps: of the video. Its frames show the newest answer at their time, so that it plays in real time.
        every_answer: write each answer once instead, for sources that are not in real time.
    """

    def __init__(self, path: str, fps: float, every_answer: bool = False) -> None:
        if Path(path).suffix.lower() not in CODECS:
            raise UsageError(f"--record is {path}; expected a file name that ends with {', '.join(CODECS)}.")
        self.path, self.written = path, 0
        self._fps, self._every_answer = fps or 30.0, every_answer
        self._exit = contextlib.ExitStack()
        self._temporary = self._exit.enter_context(replacing(path))
        self._writer: Any = None
        self._size = (0, 0)
        self._start = 0.0
        self._newest: Answer | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    def show(self, answer: Answer) -> None:
        """Hand an answer to the writing thread; with `every_answer` wait until it has room."""
        with self._changed:
            if self._every_answer:
                self._changed.wait_for(lambda: self._newest is None or self._error is not None)
            self._newest = answer
            self._changed.notify_all()

    def close(self) -> None:
        """Finish the file.

        Raises:
            CameraError: it could not be written.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        if self._writer is not None:
            self._writer.release()
        failed = self._error or (self.written == 0 and CameraError("no frame was processed"))
        if failed:
            with contextlib.suppress(Exception):
                self._exit.__exit__(CameraError, CameraError(""), None)
            raise CameraError(
                f"The video {self.path} was not recorded: {failed}. Try another source, or another ending: .mp4, .avi "
                "or .mkv."
            )
        self._exit.close()

    def _run(self) -> None:
        try:
            while (answer := self._take()) is not None:
                self._write(draw(answer), answer.frame.exposed_at)
        except BaseException as error:
            self._error = error
            with self._changed:
                self._changed.notify_all()

    def _take(self) -> Answer | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._newest is not None)
            answer, self._newest = self._newest, None
            self._changed.notify_all()
            return answer

    def _write(self, picture: np.ndarray, at: float) -> None:
        if self._writer is None:
            self._open(picture)
            self._start = at
        copies = 1
        if not self._every_answer:
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
        codec = cv2.VideoWriter.fourcc(*CODECS[Path(self.path).suffix.lower()])
        self._writer = cv2.VideoWriter(str(self._temporary), codec, self._fps, self._size)
        if not self._writer.isOpened():
            raise CameraError(f"OpenCV on this machine can't write {width} x {height} video of this kind")


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
