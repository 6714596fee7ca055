"""The camera while images are collected: its newest frame, for the page, for those who record, and for a model."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.camera.broadcast import Broadcast
from edgecnn.camera.capture import ENDED, FAILED, Capture
from edgecnn.camera.frames import Frame
from edgecnn.camera.recognize import Answer, Recognizer
from edgecnn.camera.source import FrameSource
from edgecnn.collecting.pictures import Said
from edgecnn.collecting.sight import Sight
from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.opencv import opencv

_PATIENCE_S = 0.2
_JOIN_S = 3.0
NO_CAMERA = "none"


@dataclass(frozen=True)
class Shown:
    """A frame, and the latest answer of the model, perhaps to an earlier one."""

    frame: Frame
    answer: Answer | None


class Live:
    """Reads a source in threads of its own.

    Args:
        open_source: opens it, also again after it was lost; None for no camera.
        recognizer: answers frames; None without a model.
        loop: begin again when a stored source ends.

    Attributes:
        broadcast: the images for the page.
        listeners: told each answer, by the model's thread.
        failure: why the model answers no more; empty while it does.

    Raises:
        CameraError: the source can't be opened.
    """

    def __init__(
        self, open_source: Callable[[], FrameSource] | None, recognizer: Recognizer | None = None, loop: bool = False
    ) -> None:
        self.recognizer = recognizer
        self.listeners: list[Callable[[Answer], None]] = []
        self.failure = ""
        self.broadcast: Broadcast[Shown] = Broadcast(_described)
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._answer: Answer | None = None
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._capture: Capture | None = None
        if open_source:
            try:
                self._capture = Capture(open_source, open_source(), loop=loop)
            except BaseException:
                self.broadcast.close()
                raise

    @property
    def source(self) -> str:
        """The source's name; empty without one."""
        return self._capture.name_of_source if self._capture else ""

    def start(self) -> None:
        """Begin to read."""
        if self._capture is None:
            return
        self._capture.start()
        works = [self._read] + ([self._recognize] if self.recognizer else [])
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Release the camera."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        if self._capture:
            self._capture.stop()
            self._capture.discard()
        for thread in [*self._threads, *([self._capture] if self._threads and self._capture else [])]:
            thread.join(_JOIN_S)
        self.broadcast.close()

    def newer(self, after: int, timeout_s: float) -> Frame | None:
        """The newest frame, if its number is larger than `after`; waits for one."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped.is_set() or self._number() > after, timeout_s)
            return self._newest if self._number() > after else None

    def said(self) -> Said | None:
        """The model's latest answer."""
        return said(self._answer) if self._answer else None

    def state(self) -> dict[str, Any]:
        """How the camera is; JSON values."""
        if self._capture is None:
            return {"state": NO_CAMERA, "message": "", "source": "", "captured": 0}
        return {
            "state": self._capture.state,
            "message": self._capture.message,
            "source": self.source,
            "captured": self._capture.counts.captured,
        }

    def _number(self) -> int:
        return self._newest.number if self._newest else 0

    def _read(self) -> None:
        assert self._capture
        while not self._stopped.is_set():
            over = self._capture.state in (ENDED, FAILED)
            frame = self._capture.slot.take(_PATIENCE_S)
            if frame is None:
                if over:
                    return
                continue
            with self._changed:
                self._newest = frame
                self._changed.notify_all()
            self.broadcast.show(Shown(frame, self._answer))

    def _recognize(self) -> None:
        assert self.recognizer
        number = 0
        while not self._stopped.is_set():
            frame = self.newer(number, _PATIENCE_S)
            if frame is None:
                continue
            number = frame.number
            try:
                answer = self.recognizer.answer(dataclasses.replace(frame))  # another thread may encode the frame
            except Exception as error:  # a runtime raises anything; images can be taken all the same
                self.failure, self._answer = f"The model can't be run any more: {error}", None
                return
            self._answer = answer
            for listener in self.listeners:
                with contextlib.suppress(EdgecnnError):  # e.g. a full disk, which whoever records hears of
                    listener(answer)


def said(answer: Answer) -> Said:
    """The best class of an answer."""
    best = answer.classes[0]
    return Said(str(best["label"]), best["probability"])


def blue_green_red(frame: Frame) -> np.ndarray:
    """A frame's image, uint8 (height, width, 3), blue-green-red."""
    return frame.picture if frame.order == "bgr" else opencv().cvtColor(frame.picture, opencv().COLOR_RGB2BGR)


def _described(shown: Shown) -> dict[str, Any]:
    """What the page is told of a frame; by the thread that encodes, and only where somebody looks."""
    frame, answer = shown.frame, shown.answer
    sight = Sight.at(blue_green_red(frame))
    height, width = frame.picture.shape[:2]
    return {
        "number": frame.number,
        "width": width,
        "height": height,
        "blurred": sight.is_blurred,
        "dark": sight.is_dark,
        "age_s": round(time.monotonic() - frame.exposed_at, 2),
        "answer": [{"label": each["label"], "share": each["probability"]} for each in answer.classes] if answer else [],
    }
