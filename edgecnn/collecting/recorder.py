"""Bursts: frames that are stored at a steady rate while somebody holds a button.

Every frame that is taken is accounted for: once the queue is empty, offered = stored + near-duplicates + failed. A
burst whose page has gone ends by itself.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from edgecnn.camera.frames import Frame
from edgecnn.collecting.live import Live, blue_green_red
from edgecnn.collecting.pictures import Said
from edgecnn.collecting.store import STORED, Store
from edgecnn.core.errors import UsageError

MOST_BURSTS = 4
SLOWEST, FASTEST = 0.5, 30.0
HOLD_S = 2.0
"""A burst ends when nothing was heard of it for so long."""
_MOST_WAITING = 32
_KEPT = 32
_FRAME_S = 1.0


@dataclass
class Tally:
    """Frames: offered = stored + near_duplicates + failed + those that wait; missed are those of which there was none.

    Attributes:
        missed: times at which the camera, or storing, was slower than the rate.
        message: why the last one failed.
    """

    offered: int = 0
    stored: int = 0
    near_duplicates: int = 0
    failed: int = 0
    missed: int = 0
    message: str = ""

    def note(self, outcome: str) -> None:
        """One was dealt with."""
        if outcome == STORED:
            self.stored += 1
        else:
            self.near_duplicates += 1

    def fail(self, error: Exception) -> None:
        """One could not be stored."""
        self.failed += 1
        self.message = str(error)


@dataclass
class Burst:
    """One press of a button."""

    name: str
    place: str
    rate: float
    frames: int = 0
    tally: Tally = field(default_factory=Tally)
    heard_at: float = field(default_factory=time.monotonic)
    ended: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was ended, or forgotten."""
        return self.ended.is_set() or time.monotonic() - self.heard_at > HOLD_S

    @property
    def is_recent(self) -> bool:
        """Whether a page may still want to know of it."""
        return time.monotonic() - self.heard_at < 10 * HOLD_S

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        going = self.thread is not None and self.thread.is_alive()
        waiting = self.tally.offered - self.tally.stored - self.tally.near_duplicates - self.tally.failed
        return {
            "burst": self.name,
            "class": self.place,
            "going": going,
            "waiting": waiting,
            **dataclasses.asdict(self.tally),
        }


class Recorder:
    """Takes frames of the camera and stores them, in threads of its own.

    Attributes:
        total: over all bursts.
    """

    def __init__(self, live: Live, store: Store) -> None:
        self._live, self._store = live, store
        self.total = Tally()
        self._bursts: dict[str, Burst] = {}
        self._turn, self._counting = threading.Lock(), threading.Lock()
        self._queue: queue.Queue[tuple[Burst, Frame, Said | None] | None] = queue.Queue(_MOST_WAITING)
        self._writer = threading.Thread(target=self._write, name="write", daemon=True)
        self._writer.start()

    def hold(self, name: str, place: str, rate: float, frames: int = 0) -> Burst:
        """Begin a burst, or go on with it: to be called again within `HOLD_S` as long as the button is held.

        Args:
            name: any text that names this press.
            place: the class.
            rate: frames per second.
            frames: end by itself after so many; 0 for no limit.

        Raises:
            UsageError: there is no such class, no camera, or too many record already.
        """
        with self._turn:
            burst = self._bursts.get(name)
            if burst is not None:
                burst.heard_at = time.monotonic()
                return burst
            if self._store.counts().get(place) is None:
                raise UsageError(f"There is no class {place[:60]!r}. Add it first.")
            if not self._live.source:
                raise UsageError("There is no camera. Upload images, or start edgecnn collect with --source.")
            if sum(not each.is_over for each in self._bursts.values()) >= MOST_BURSTS:
                raise UsageError(f"{MOST_BURSTS} viewers record already. Wait until one of them stops.")
            burst = Burst(name, place, min(FASTEST, max(SLOWEST, rate)), frames)
            self._bursts[name] = burst
            over = [old for old, each in self._bursts.items() if each.is_over]
            for old in over[: max(0, len(self._bursts) - _KEPT)]:
                del self._bursts[old]
            burst.thread = threading.Thread(target=self._record, args=(burst,), name="record", daemon=True)
            burst.thread.start()
            return burst

    def release(self, name: str) -> Burst | None:
        """End a burst; it has at least one frame. None where there is none of that name."""
        burst = self._bursts.get(name)
        if burst is not None:
            burst.ended.set()
            if burst.thread is not None:
                burst.thread.join(_FRAME_S + 1)
        return burst

    def burst(self, name: str) -> Burst | None:
        """A burst, also one that has ended lately."""
        return self._bursts.get(name)

    def bursts(self) -> list[Burst]:
        """The latest ones."""
        with self._turn:
            return list(self._bursts.values())

    def drain(self) -> None:
        """Wait until everything that was offered is stored."""
        self._queue.join()

    def close(self) -> None:
        """End all bursts, and store what was offered."""
        for burst in self.bursts():
            burst.ended.set()
        for burst in self.bursts():
            if burst.thread is not None:
                burst.thread.join()
        self._queue.put(None)
        self._writer.join()

    def _record(self, burst: Burst) -> None:
        newest = self._live.newer(0, _FRAME_S)  # what the person sees, at once
        after = newest.number - 1 if newest else 0
        due = time.monotonic()
        while True:
            frame = self._live.newer(after, _FRAME_S)
            if frame is not None:
                after = frame.number
                self._offer(burst, frame)
            if 0 < burst.frames <= burst.tally.offered:
                burst.ended.set()
            due += 1 / burst.rate
            late = int((time.monotonic() - due) * burst.rate)
            if late > 0:
                due += late / burst.rate
                with self._counting:
                    burst.tally.missed += late
                    self.total.missed += late
            if burst.ended.wait(max(0.0, due - time.monotonic())) or burst.is_over:
                return

    def _offer(self, burst: Burst, frame: Frame) -> None:
        """Waits while the queue is full: a slow disk lowers the rate, and loses nothing that was taken."""
        with self._counting:
            burst.tally.offered += 1
            self.total.offered += 1
        self._queue.put((burst, frame, self._live.said()))

    def _write(self) -> None:
        while (entry := self._queue.get()) is not None:
            burst, frame, said = entry
            try:
                outcome = self._store.add(burst.place, blue_green_red(frame), action=burst.name, said=said)
                burst.tally.note(outcome)
                self.total.note(outcome)
            except Exception as error:  # of OpenCV or of the system: the frame counts as failed, and the next is tried
                burst.tally.fail(error)
                self.total.fail(error)
            finally:
                self._queue.task_done()
        self._queue.task_done()
