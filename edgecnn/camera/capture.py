"""The thread that reads the source and keeps the newest frame ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edgecnn.camera.frames import Frame, Slot
from edgecnn.camera.source import CorruptFrame, FrameSource, Shot, SourceEnded, SourceLost
from edgecnn.runtime.errors import EdgecnnError
from edgecnn.runtime.run.engine import Engine

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0  # before a lost source is opened again; each is twice the one before
_MAX_LAG_S = 0.5
STARTING, RUNNING, LOST, ENDED, FAILED = "starting", "running", "lost", "ended", "failed"


@dataclass
class Counts:
    """Frames since the start: captured = inferred + dropped + at most two on their way."""

    captured: int = 0
    dropped: int = 0
    inferred: int = 0
    corrupt: int = 0
    reconnects: int = 0


class Capture(threading.Thread):
    """Reads frames until the source ends; opens it again when it is lost.

    Args:
        open_source: opens the source, also again after it was lost.
        source: the source, open.
        engine: prepares the frames for its model; None where there is none.
        free_by: tells when (monotonic seconds) the engine will be free for the next frame.
        as_fast_as_possible: read stored frames as fast as they are taken, losing none, instead of in real time.
        loop: begin again when a stored source ends.
    """

    def __init__(
        self,
        open_source: Callable[[], FrameSource],
        source: FrameSource,
        engine: Engine | None = None,
        free_by: Callable[[], float] = time.monotonic,
        as_fast_as_possible: bool = False,
        loop: bool = False,
    ) -> None:
        super().__init__(name="capture", daemon=True)
        self.slot = Slot()
        self.counts = Counts()
        self.state = STARTING
        self.message = ""
        self.name_of_source = source.name
        self.error: BaseException | None = None
        self._open_source = open_source
        self._source: FrameSource | None = source
        self._engine = engine
        self._free_by = free_by
        self._keep_all = as_fast_as_possible and not source.live
        self._loop = loop
        self._stop_asked = threading.Event()
        self._due = 0.0
        self._read_since_open = 0
        self._failures = 0  # since the last frame
        self._start = time.monotonic()
        self._stored_frames = 0

    def stop(self) -> None:
        """Ask the thread to release the source and end; `join` waits for it."""
        self._stop_asked.set()

    def discard(self) -> None:
        """Release the source of a capture that was never started."""
        if self.ident is None:
            self._close()

    def run(self) -> None:
        """The thread's whole life."""
        try:
            while not self._stop_asked.is_set() and self.state != ENDED:
                self._step()
        except BaseException as error:
            self.error, self.state, self.message = error, FAILED, str(error)
        finally:
            self._close()

    def _step(self) -> None:
        if self._source is None:
            self._reopen()
            return
        try:
            if self._ready_for_next(self._source):
                self._accept(self._source)
        except CorruptFrame as problem:
            self.counts.corrupt += 1
            self._stored_frames += 1
            self.message = str(problem)
        except SourceLost as problem:
            self.state, self.message = LOST, str(problem)
            self._failures += 1
            self._close()
        except SourceEnded as problem:
            self._close()
            if not self._loop or not self._read_since_open:
                self.state, self.message = ENDED, str(problem)

    def _ready_for_next(self, source: FrameSource) -> bool:
        """Wait for the moment to read a stored frame; a camera keeps its own time."""
        if source.live:
            return True
        if self._keep_all:
            return self.slot.wait_empty(0.2)
        now = time.monotonic()
        if now - self._due > _MAX_LAG_S:
            self._due = now
        return not self._stop_asked.wait(max(0.0, self._due - now))

    def _accept(self, source: FrameSource) -> None:
        shot = source.read()
        self._read_since_open += 1
        self._failures = 0
        exposed_at = shot.exposed_at
        if not source.live and not self._keep_all:
            exposed_at = self._due
            self._due += 1 / source.fps
        self.state = RUNNING
        self.counts.captured += 1
        frame = self._frame(shot, exposed_at, source)
        if self._engine and (self._keep_all or self._free_by() < time.monotonic() + 1 / (source.fps or 30.0)):
            # The model will most likely take this frame: get it ready while the previous one is still being answered.
            frame.prepare(self._engine)
        self.counts.dropped += self.slot.put(frame)

    def _frame(self, shot: Shot, exposed_at: float, source: FrameSource) -> Frame:
        capture_ms = (time.monotonic() - exposed_at) * 1e3
        time_s = exposed_at - self._start if source.live else self._stored_frames / source.fps
        self._stored_frames += 1
        return Frame(self.counts.captured, shot.picture, shot.order, exposed_at, capture_ms, time_s, shot.name)

    def _reopen(self) -> None:
        while not self._stop_asked.wait(self._pause_s()):
            try:
                self._source = self._open_source()
                self._read_since_open = 0
                self.counts.reconnects += self.state == LOST
                return
            except EdgecnnError as error:
                self.message = str(error)
                self._failures += 1

    def _pause_s(self) -> float:
        """How long to leave a source in peace that was lost, or can't be opened."""
        return min(_FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10), _LONGEST_PAUSE_S) if self._failures else 0.0

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()
