"""Hands answers to a sink on a thread of its own, so that a slow or dead one costs the demo nothing."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from edgecnn.camera.capture import Counts
from edgecnn.camera.headless import line
from edgecnn.camera.recognize import Answer
from edgecnn.camera.rule import Change, Trigger
from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink import Event, RefusedError, Sink, Surroundings
from edgecnn.camera.sink_choice import Choice, chosen
from edgecnn.core.errors import UsageError
from edgecnn.core.text import counted, printable
from edgecnn.runtime.model.contract import Contract

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
_GOODBYE_S = 3.0  # for what still waits at the end
_SPEAK_S = 30.0  # a slow sink is mentioned no more often


class Delivery:
    """A view with a bounded queue in front of a sink.

    Args:
        choice: the kind, its settings and its rule.
        sink: the open sink; it is closed at the end.
        threshold: for a rule that has none.
        counts: gives the counts so far.
        note: told, in a sentence, of failures, recovery and what was dropped.
        waits: whether a full queue holds the demo up, for sources that are not in real time; not while the sink fails.
    """

    def __init__(
        self,
        choice: Choice,
        sink: Sink,
        threshold: float,
        counts: Callable[[], Counts],
        note: Callable[[str], None],
        waits: bool = False,
    ) -> None:
        self.name, self.sent, self.dropped, self.failed = f"{choice.kind} {sink.name}".strip(), 0, 0, 0
        self._choice, self._sink, self._counts, self._note, self._waits = choice, sink, counts, note, waits
        self._trigger = Trigger(choice.rule, threshold)
        self._every = choice.plugin.every_answer(choice.options)
        self._queue: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._pause_s = 0.0  # 0 while it works
        self._spoke_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name=f"sink {choice.kind}", daemon=True)
        self._thread.start()

    def show(self, answer: Answer) -> None:
        """Put what the sink is to be told into the queue."""
        change = self._trigger(answer.classes, answer.frame.time_s)
        if change is None and not self._every:
            return
        record = {**(_told(change) if change else {}), **line(answer, self._counts())}
        event = Event(record, change, answer if self._choice.plugin.PICTURES else None)
        with self._changed:
            if self._waits:
                self._changed.wait_for(lambda: self._has_room() or self._pause_s or self._closed)
            if not self._has_room():
                self._drop()
            self._queue.append(event)
            self._changed.notify_all()

    def close(self) -> None:
        """Send what still waits, for a few seconds at most, and close the sink."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_GOODBYE_S)
        if self.dropped:
            self._note(f"The sink {self.name} dropped {counted(self.dropped, 'event')}.")

    def summary(self) -> dict[str, Any]:
        """JSON values."""
        return {"sink": self.name, "sent": self.sent, "dropped": self.dropped, "failed": self.failed}

    def _has_room(self) -> bool:
        return len(self._queue) < self._choice.options.queue

    def _drop(self) -> None:
        """Make room: the oldest answer by which nothing changed goes first, so that the last state arrives."""
        plain = next((number for number, event in enumerate(self._queue) if event.change is None), 0)
        del self._queue[plain]
        self.dropped += 1
        if not self._pause_s and time.monotonic() - self._spoke_at > _SPEAK_S:
            self._spoke_at = time.monotonic()
            self._note(f"The sink {self.name} is slower than the answers come; older events are dropped.")

    def _run(self) -> None:
        try:
            while (event := self._take()) is not None:
                self._deliver(event)
        finally:
            with contextlib.suppress(Exception):
                self._sink.close()

    def _take(self) -> Event | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            event = self._queue.popleft() if self._queue else None
            self._changed.notify_all()
            return event

    def _deliver(self, event: Event) -> None:
        for _ in range(self._choice.options.retries + 1):
            try:
                self._sink.send(event)
            except Exception as error:  # also a mistake in a plug-in: the demo goes on
                if isinstance(error, RefusedError):
                    self._note(f"The sink {self.name} refused an event: {printable(str(error))}.")
                    break
                if self._wait_after(error):
                    break
            else:
                self._recovered()
                self.sent += 1
                return
        self.failed += 1

    def _wait_after(self, error: Exception) -> bool:
        """Pause before the next try, each time for longer; returns whether the demo ended meanwhile."""
        first = not self._pause_s
        pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S) or FIRST_PAUSE_S
        said = f"The sink {self.name} failed: {printable(str(error) or type(error).__name__).rstrip('.')}."
        with self._changed:
            self._pause_s = pause_s
            self._changed.notify_all()
        if first:
            self._note(f"{said} It is tried again, with pauses of up to {LONGEST_PAUSE_S:.0f} seconds.")
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, pause_s)

    def _recovered(self) -> None:
        if self._pause_s:
            self._note(f"The sink {self.name} works again.")
            self._pause_s = 0.0


def _told(change: Change) -> dict[str, Any]:
    """What the record of a change has before those of every answer."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    probability = {} if change.probability is None else {"probability": round(change.probability, 4)}
    return {"event": "seen" if change.seen else "gone", "class": change.label, **probability, "at": now}


def checked_choices(options: DemoOptions, contract: Contract) -> list[Choice]:
    """Every sink that was asked for, checked against the model, none of them open.

    Raises:
        UsageError: a rule names a class that the model doesn't have.
    """
    choices = [chosen(text, options.when) for text in options.sinks]
    for choice in choices:
        try:
            choice.rule.check(contract.labels, contract.rejection is not None)
        except UsageError as error:
            raise UsageError(f"--sink {choice.kind}: {error}") from error
    return choices


def open_deliveries(
    choices: list[Choice],
    options: DemoOptions,
    contract: Contract,
    counts: Callable[[], Counts],
    note: Callable[[str], None],
) -> list[Delivery]:
    """All of the sinks, open and with a thread each; none is, if one can't be.

    Raises:
        EdgecnnError: a library or a file is missing.
    """
    with contextlib.ExitStack() as undo:
        found = []
        for choice in choices:
            surroundings = Surroundings(contract.name, contract.labels, choice.rule, note)
            sink = choice.plugin.open_sink(choice.options, surroundings)
            undo.callback(sink.close)
            found.append((choice, sink))
        undo.pop_all()
    return [Delivery(*each, options.threshold, counts, note, options.as_fast_as_possible) for each in found]
