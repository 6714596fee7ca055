"""Clips: a video around every event, with the answers drawn in."""

from __future__ import annotations

import datetime
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from edgecnn.camera.overlay import draw
from edgecnn.camera.recognize import Answer
from edgecnn.camera.sink import Event, SinkError, SinkOptions, Surroundings, identifier
from edgecnn.camera.video import CODECS, VideoFile
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.options import option

SUMMARY = "a video clip around every event, with the answers drawn in"
EXAMPLE = "clips:clips,before=2,after=3,when=person>=0.8 for 3"
ARGUMENT = "folder"
PICTURES = True


@dataclass(frozen=True)
class Options(SinkOptions):
    """Where clips are written, and how long they are."""

    folder: Path = option("Folder of the clips.", Path("clips"), writes=True)
    before: float = option("Seconds before the event; their images are held in memory.", 2.0, low=0, high=30)
    after: float = option("Seconds after the class is gone.", 3.0, low=0, high=600)
    longest: float = option("Seconds after which a clip ends in any case.", 60.0, above=0, high=3600)
    fps: float = option("Images per second at most.", 10.0, above=0, high=120)
    format: str = option("Kind of video.", "mp4", choices=("mp4", "avi", "mkv"))


def check(options: Options) -> None:
    """The end must lie behind the event."""
    if options.longest <= options.before:
        raise UsageError(f"longest is {options.longest:g}; expected more than before, which is {options.before:g}.")


def every_answer(options: Options) -> bool:
    """The images before an event are needed too."""
    return True


class Clips:
    """Keeps the last seconds, and writes a clip while a class is seen."""

    def __init__(self, options: Options) -> None:
        self.name = str(options.folder)
        self._options = options
        self._past: deque[Answer] = deque()
        self._video: VideoFile | None = None
        self._begun_at = self._until = 0.0
        self._next_at = float("-inf")

    def send(self, event: Event) -> None:
        """Put the image into the clip, or into the past of the next one."""
        answer = event.answer
        if answer is None:
            return
        at = answer.frame.time_s
        if self._past and at < self._past[-1].frame.time_s:  # a video that started again
            self._end()
            self._past.clear()
            self._next_at = float("-inf")
        try:
            self._follow(event, answer, at)
        except EdgecnnError as error:
            self._discard()
            raise SinkError(str(error)) from error

    def close(self) -> None:
        """Finish the clip that is being written."""
        self._end()

    def _follow(self, event: Event, answer: Answer, at: float) -> None:
        change, options = event.change, self._options
        if change is not None and change.seen:
            if self._video is None:
                self._begin(change.label, at)
            self._until = float("inf")
        elif change is not None:
            self._until = at + options.after
        if at >= self._next_at:
            following_s = self._next_at + 1 / options.fps
            self._next_at = following_s if following_s > at else at + 1 / options.fps
            self._put(answer, at)
        if self._video is not None and (at >= self._until or at - self._begun_at >= options.longest):
            self._end()

    def _put(self, answer: Answer, at: float) -> None:
        if self._video is not None:
            self._video.write(draw(answer), at)
        self._past.append(answer)
        while self._past[0].frame.time_s < at - self._options.before:
            self._past.popleft()

    def _begin(self, label: str, at: float) -> None:
        now = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")[:-3]
        name = f"{now}_{identifier(label)}.{self._options.format}"
        self._video = VideoFile(self._options.folder / name, self._options.fps)
        self._begun_at = at
        for answer in self._past:
            self._video.write(draw(answer), answer.frame.time_s)

    def _end(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.keep() if video.written else video.discard()

    def _discard(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.discard()


def open_sink(options: Options, surroundings: Surroundings) -> Clips:
    """Make the folder."""
    assert f".{options.format}" in CODECS
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        if not os.access(options.folder, os.W_OK | os.X_OK):
            raise PermissionError(0, "permission denied")
    except OSError as error:
        raise EdgecnnError(
            f"Can't write clips to {options.folder}: {error.strerror}. Choose another folder: --sink clips:FOLDER."
        ) from error
    return Clips(options)
