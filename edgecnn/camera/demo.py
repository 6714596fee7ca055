"""The demo as a whole: a source, a model, and the views, started together and ended together."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any

from edgecnn.camera.broadcast import Broadcast
from edgecnn.camera.capture import ENDED, FAILED, Capture
from edgecnn.camera.corrections import Corrections
from edgecnn.camera.delivery import Delivery, checked_choices, open_deliveries
from edgecnn.camera.headless import JsonLines
from edgecnn.camera.meter import HISTORY_S
from edgecnn.camera.opening import WARMUP, open_engine
from edgecnn.camera.process import ending_signals, short_turns
from edgecnn.camera.recognize import Answer, Recognizer, View
from edgecnn.camera.record import Recording
from edgecnn.camera.regions import Region
from edgecnn.camera.server import PageServer, describe
from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink_choice import Choice
from edgecnn.camera.source import FrameSource, Wish, open_source
from edgecnn.camera.window import Window
from edgecnn.core.errors import UsageError
from edgecnn.core.text import to_stderr
from edgecnn.runtime.measure import system
from edgecnn.runtime.tasks import task_of

_CONDITIONS_S = 2.0
_JOIN_S = 3.0
_REMEMBERED = 8  # images: a person's "wrong" comes a moment after the image
_MOST_CLASSES = 2000
_GOODBYE_S = 3.0  # a viewer hears something every second, but the machine may be busy


class Demo:
    """Everything opened and ready; `run` starts it and returns when it ended.

    Args:
        options: what to show and how.
        write: takes the lines of JSON, where they are asked for.
        note: told, in a sentence, what becomes of sinks; by any thread.
        corrections: where images go whose answer is wrong, if `options.collect` asks for that.

    Raises:
        EdgecnnError: the model, the source, the delegate or a view can't be had; nothing is left open.
    """

    def __init__(
        self,
        options: DemoOptions,
        write: Callable[[str], None] = print,
        note: Callable[[str], None] = to_stderr,
        corrections: Corrections | None = None,
    ) -> None:
        self.options = options
        self._corrections = corrections if options.collect else None
        self._write = write
        self._ended = threading.Event()
        self._conditions: tuple[float, dict[str, Any]] = (-1e9, {})
        self._exit = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.push(self._exit)
            self.file = options.hints.read(options.model)
            choices = checked_choices(options, self.file.contract)
            # The model is tried in a forked child: no thread, which sinks have, may hold a lock then.
            self.engine = open_engine(self.file, options.threads, options.delegate)
            self._sinks = self._open_sinks(choices, note)
            self._recognizer = Recognizer(
                self.engine, options.smooth_s, options.threshold, options.top, self._regions()
            )
            self.meter = self._recognizer.meter
            if options.collect and self.engine.task.followed:
                raise UsageError(f"--collect is for classifiers; {self.file.name} is for {self.file.contract.task}.")
            self._capture = self._open_capture()
            self._views = self._open_views()
            undo.pop_all()

    @property
    def addresses(self) -> list[str]:
        """Where the page can be looked at, the likeliest first."""
        return self._page.addresses() if self._page else []

    @property
    def port(self) -> int:
        """The page's port, 0 without a page."""
        return self._page.port if self._page else 0

    @property
    def source(self) -> str:
        """The source's name, for people."""
        return self._capture.name_of_source

    def stop(self) -> None:
        """End the demo from any thread or signal handler."""
        self._ended.set()

    def run(self, ready: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Run until the source ends, a limit is reached, the window is closed, a signal comes or `stop` is called.

        Args:
            ready: called when signals are taken care of and before the first frame is read.

        Returns:
            Counts, frame rate, latencies, and on what they were measured; plain JSON values.

        Raises:
            CameraError: the recording could not be written.
        """
        start = time.monotonic()
        try:
            with short_turns(), ending_signals(self.stop):
                ready()
                self._capture.start()
                self._recognizer.start()
                timer = threading.Thread(target=self._watch, args=(start,), name="watch", daemon=True)
                timer.start()
                if self._window:
                    self._window.run(self._ended)
                    self.stop()
                self._ended.wait()
        finally:
            self._close()
        for thread in (self._recognizer, self._capture):
            if thread.error is not None:
                raise thread.error
        return self._summary(time.monotonic() - start)

    def close(self) -> None:
        """Release everything, for a demo that is never run."""
        self._close()

    def about(self) -> dict[str, Any]:
        """What the page shows once: the model and how it runs."""
        contract = self.file.contract
        return {
            "model": contract.name,
            "file": self.file.name,
            "source": self.source,
            "threads": self.engine.threads,
            "delegate": self.options.delegate,
            "threshold": self.options.threshold,
            "top": self.options.top,
            "followed": self.engine.task.followed,
            "preprocessing": dataclasses.asdict(contract.preprocessing),
            "assumed": list(contract.assumed),
            "collect": self._classes(),
            "history_s": HISTORY_S,
            "history": self.meter.history(),
        }

    def status(self) -> dict[str, Any]:
        """What the page shows again and again, whether or not there is a new image."""
        counts = dataclasses.asdict(self._capture.counts)
        history = self.meter.history()
        return {
            "state": self._capture.state,
            "message": self._capture.message,
            "counts": counts,
            "fps": round(self.meter.fps(), 1),
            "latency_ms": self.meter.latency_ms(),
            "stages_ms": {
                **self.meter.stages_ms(),
                "encode": round(self._broadcast.encode_ms if self._broadcast else 0, 3),
            },
            "second": self.meter.second(),
            "last": history[-1] if history else None,
            "conditions": self._board_conditions(),
        }

    def _open_capture(self) -> Capture:
        options = self.options

        def reopen() -> FrameSource:
            return open_source(options.source, Wish(*options.resolution, options.fps))

        source = reopen()
        capture = Capture(
            reopen, source, self.engine, self._recognizer.free_by, options.as_fast_as_possible, options.loop
        )
        self._exit.callback(capture.discard)
        if options.as_fast_as_possible and source.live:
            raise UsageError(f"--as-fast-as-possible needs a file or folder; {source.name} is a live source.")
        self._fps = source.fps
        return capture

    def _regions(self) -> tuple[Region, ...]:
        regions = self.options.regions
        if regions and not task_of(self.file.contract).followed:
            raise UsageError(
                f"--line and --zone count objects, but {self.file.name} is for {self.file.contract.task}. Remove them, "
                "or use a detector."
            )
        return regions

    def _classes(self) -> list[str] | None:
        """What an image whose answer is wrong may be; None where nothing is collected."""
        if self._corrections is None:
            return None
        return list(dict.fromkeys([*self._corrections.classes(), *self.file.contract.labels]))[:_MOST_CLASSES]

    def _open_sinks(self, choices: list[Choice], note: Callable[[str], None]) -> list[Delivery]:
        sinks = open_deliveries(choices, self.options, self.file.contract, lambda: self._capture.counts, note)
        for sink in sinks:
            self._exit.callback(sink.close)
        return sinks

    def _open_views(self) -> list[View]:
        options = self.options
        views: list[View] = [*self._sinks]
        self._broadcast: Broadcast[Answer] | None = None
        self._page: PageServer | None = None
        self._window: Window | None = None
        self._recording: Recording | None = None
        if options.view == "page":
            self._broadcast = Broadcast(describe, remembered=_REMEMBERED if self._corrections else 0)
            self._exit.callback(self._broadcast.close)
            counter = self._recognizer.follower.counter if self._recognizer.follower else None
            self._page = PageServer(
                self._broadcast, self.about, self.status, options.host, options.port, counter, self._corrections
            )
            self._exit.callback(self._page.close)
            views.append(self._broadcast)
        elif options.view == "window":
            self._window = Window(self.meter)
            self._exit.callback(self._window.close)
            views.append(self._window)
        if options.headless:
            views.append(JsonLines(self._capture, self._write))
        if options.record:
            self._recording = Recording(options.record, self._fps, options.as_fast_as_possible)
            self._exit.callback(self._recording.close)
            views.append(self._recording)
        self._recognizer.connect(self._capture, views, options.frames)
        return views

    def _watch(self, start: float) -> None:
        """End the demo when the model's thread ends or the time is over."""
        end = start + self.options.seconds if self.options.seconds else float("inf")
        while not self._ended.is_set() and time.monotonic() < end:
            if self._recognizer.finished.wait(min(0.2, max(0.0, end - time.monotonic()))):
                self._say_goodbye()
                break
        self.stop()

    def _say_goodbye(self) -> None:
        """Leave those who look at the page the time to hear that it is over."""
        if self._page and self._page.count_viewers():
            self._ended.wait(_GOODBYE_S)

    def _close(self) -> None:
        self._capture.stop()
        self._recognizer.stop()
        for thread in (self._recognizer, self._capture):
            if thread.ident is not None:
                thread.join(_JOIN_S)
        self._exit.close()

    def _board_conditions(self) -> dict[str, Any]:
        at, conditions = self._conditions
        if time.monotonic() - at > _CONDITIONS_S:
            conditions = system.conditions()
            self._conditions = (time.monotonic(), conditions)
        return {key: conditions[key] for key in ("temperature_c", "clock_mhz", "throttled_now")}

    def _summary(self, seconds: float) -> dict[str, Any]:
        machine = system.describe()
        recording = {"path": self._recording.path, "frames": self._recording.written} if self._recording else None
        return {
            "model": self.file.name,
            "source": self.source,
            "ended": {ENDED: "source ended", FAILED: self._capture.message}.get(self._capture.state, "stopped"),
            "seconds": round(seconds, 3),
            "counts": dataclasses.asdict(self._capture.counts),
            **self.meter.summary(),
            "warmup": WARMUP,
            "threads": self.engine.threads,
            "delegate": self.options.delegate,
            "device": {key: machine[key] for key in ("board", "cpu", "cores", "runtime", "emulated")},
            "recording": recording,
            **({"sinks": [sink.summary() for sink in self._sinks]} if self._sinks else {}),
        }
