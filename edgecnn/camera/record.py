"""A recording of the image with the answers, in real time."""

from __future__ import annotations

import threading
from pathlib import Path

from edgecnn.camera.overlay import draw
from edgecnn.camera.recognize import Answer
from edgecnn.camera.video import CODECS, VideoFile
from edgecnn.core.errors import CameraError, UsageError


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
        self.path, self._every_answer = path, every_answer
        self._video = VideoFile(path, fps or 30.0, every_answer)
        self._newest: Answer | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """Frames so far."""
        return self._video.written

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
        failed = self._error or (self.written == 0 and CameraError("no frame was processed"))
        if failed:
            self._video.discard()
            raise CameraError(
                f"The video {self.path} was not recorded: {failed}. Try another source, or another ending: .mp4, .avi "
                "or .mkv."
            )
        self._video.keep()

    def _run(self) -> None:
        try:
            while (answer := self._take()) is not None:
                self._video.write(draw(answer), answer.frame.exposed_at)
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
