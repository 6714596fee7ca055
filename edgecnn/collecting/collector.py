"""Collecting as a whole: a camera, a folder, perhaps a model, and the page; started together and ended together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from edgecnn.camera.opening import open_engine
from edgecnn.camera.process import ending_signals
from edgecnn.camera.recognize import Recognizer
from edgecnn.camera.source import FrameSource, Wish, open_source
from edgecnn.collecting.live import NO_CAMERA, Live
from edgecnn.collecting.recorder import Recorder
from edgecnn.collecting.server import CollectServer, Parts
from edgecnn.collecting.settings import CollectOptions
from edgecnn.collecting.store import Store
from edgecnn.collecting.training import Training
from edgecnn.collecting.watch import Watch
from edgecnn.core.errors import CameraError, UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.text import to_stderr
from edgecnn.runtime.run.interpreter import default_threads

__all__ = ["Collector"]

_TOP = 3


class Collector:
    """Everything opened and ready; `run` starts it and returns when it ended.

    Args:
        options: what to collect, and from where.
        open_camera: opens the frame source; by default the one that `options` name.
        note: told, in a sentence, what a person wants to know.
        progress: told how many of the images that are there have been looked at.

    Attributes:
        store: the folder.
        live: the camera.
        recorder: takes frames.

    Raises:
        EdgecnnError: the folder, the model or the camera can't be had; nothing is left open.
    """

    def __init__(
        self,
        options: CollectOptions,
        open_camera: Callable[[], FrameSource] | None = None,
        note: Callable[[str], None] = to_stderr,
        progress: Progress = silent,
    ) -> None:
        self.options = options
        self._ended = threading.Event()
        with contextlib.ExitStack() as stack:
            self.store = Store(options.data, options.keep_near_duplicates, progress)
            stack.callback(self.store.close)
            for name in options.classes:
                self.store.add_class(name)
            if self.store.unreadable:
                note(f"Note: {self.store.unreadable} images in {options.data} can't be read, and are not shown.")
            recognizer = self._recognizer(note)
            self.live = Live(open_camera or self._opener(), recognizer, options.loop)
            stack.callback(self.live.close)
            self.watch = Watch(self.store, options.threshold)
            self.live.listeners.append(self.watch)
            self.recorder = Recorder(self.live, self.store)
            stack.callback(self.recorder.close)
            self.training = Training(self.store.root, options.base)
            stack.callback(self.training.cancel)
            parts = Parts(self.store, self.live, self.recorder, self.watch, self.training)
            self._server = CollectServer(parts, options, self.labels)
            stack.callback(self._server.close)
            self._exit = stack.pop_all()

    @property
    def addresses(self) -> list[str]:
        """Where the page is, the likeliest first."""
        return self._server.addresses()

    @property
    def source(self) -> str:
        """The source's name, for people."""
        return self.live.source or "no camera"

    def stop(self) -> None:
        """End it from any thread or signal handler."""
        self._ended.set()

    def start(self) -> None:
        """Begin to read the camera; `run` does it."""
        self.live.start()

    def run(self, ready: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Run until a signal comes, the time is over or `stop` is called; returns the summary, JSON values."""
        try:
            with ending_signals(self.stop):
                self.start()
                ready()
                self._ended.wait(self.options.seconds or None)
        finally:
            self.close()
        return self.summary()

    def close(self) -> None:
        """Store what was taken, and release everything."""
        self._exit.close()

    def summary(self) -> dict[str, Any]:
        """What there is, and what became of the frames; JSON values."""
        total = self.recorder.total
        return {
            "data": str(self.store.root),
            "source": self.source,
            "classes": self.store.counts(),
            "review": self.store.waiting,
            "frames": {
                "offered": total.offered, "stored": total.stored, "near_duplicates": total.near_duplicates,
                "failed": total.failed, "missed": total.missed,
            },
            "command": self.training.command,
        }  # fmt: skip

    def _opener(self) -> Callable[[], FrameSource] | None:
        options = self.options
        if options.source == NO_CAMERA:
            return None

        def opened() -> FrameSource:
            try:
                return open_source(options.source, Wish(*options.resolution, options.fps))
            except CameraError as error:
                remedy = "To upload images, or to use the browser's own camera: --source none."
                raise CameraError(f"{error}\n{remedy}") from error

        return opened

    def _recognizer(self, note: Callable[[str], None]) -> Recognizer | None:
        options = self.options
        self.labels: tuple[str, ...] = ()
        self.model = ""
        if not options.model:
            return None
        file = options.hints.read(options.model)
        for sentence in file.contract.assumed:
            note(f"Note: {sentence}")
        engine = open_engine(file, options.threads or default_threads(), options.delegate)
        if engine.task.followed:
            raise UsageError(f"--model is {file.name}, for {file.contract.task}; expected a classifier.")
        self.labels, self.model = tuple(file.contract.labels), file.contract.name
        return Recognizer(engine, 0.0, options.threshold, _TOP)
