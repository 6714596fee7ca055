"""The thread that answers frames, and what an answer is."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from edgecnn.camera.capture import ENDED, FAILED, Capture
from edgecnn.camera.following import Follower
from edgecnn.camera.frames import Frame
from edgecnn.camera.meter import Meter
from edgecnn.camera.regions import Region, Scene
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.rejection import is_rejected, judged
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.tasks import DeviceTask, Outputs


@dataclass(frozen=True)
class Answer:
    """What the model says of one frame.

    Attributes:
        frame: the frame.
        classes: the surest answers of the model's task, e.g. the best classes, after smoothing.
        sure: whether the first one reaches the threshold; "none of these", which has no probability, is sure.
        task: what the model is for, and `contract` how to use it.
        scene: what is counted, where objects are followed.
        latency_ms: from the glass to this answer.
        stages_ms: its parts: capture, resize, wait, invoke, postprocess; they add up to the latency.
    """

    frame: Frame
    classes: list[dict[str, Any]]
    sure: bool
    latency_ms: float
    stages_ms: dict[str, float]
    task: DeviceTask
    contract: Contract
    scene: Scene | None = None

    @property
    def text(self) -> str:
        """The answer for a person, or what the task says where none is sure enough."""
        return self.task.caption(self.classes) if self.sure else self.task.nothing


class View(Protocol):
    """Something that shows answers. `show` is called by the thread that runs the model, so it must not wait."""

    def show(self, answer: Answer) -> None:
        """Take notice of an answer."""

    def close(self) -> None:
        """No more answers come."""


class Smoother:
    """Exponential smoothing over time: after `time_constant_s` a change has reached 63 %, at any frame rate."""

    def __init__(self, time_constant_s: float) -> None:
        self._time_constant_s = time_constant_s
        self._value: np.ndarray | None = None
        self._at = 0.0

    def __call__(self, values: np.ndarray, at: float) -> np.ndarray:
        """The smoothed values, (classes,); `at` in seconds."""
        if self._value is None or self._time_constant_s <= 0:
            self._value = values
        else:
            share = 1 - math.exp(-max(0.0, at - self._at) / self._time_constant_s)
            self._value = self._value + np.float32(share) * (values - self._value)
        self._at = at
        return self._value


class Recognizer(threading.Thread):
    """Takes the newest frame, runs the model and tells the views.

    Args:
        engine: the model.
        smooth_s: time constant of the smoothing.
        threshold: probability below which the answer is "not sure".
        count: how many classes to tell at most.
        regions: lines and zones at which objects are counted.

    Attributes:
        follower: follows objects from frame to frame; None for a task that has none.
    """

    def __init__(
        self,
        engine: Engine,
        smooth_s: float = 0.3,
        threshold: float = 0.3,
        count: int = 5,
        regions: Sequence[Region] = (),
    ) -> None:
        super().__init__(name="recognize", daemon=True)
        self.engine = engine
        self.meter = Meter()
        self.error: BaseException | None = None
        self.finished = threading.Event()
        self.limit = 0
        self.follower = Follower(engine.task, engine.contract, threshold, regions) if engine.task.followed else None
        self._smooth, self._smooth_margin = Smoother(smooth_s), Smoother(smooth_s)
        self._threshold = threshold
        self._count = count
        self._free_by = 0.0
        self._stop_asked = threading.Event()
        self._capture: Capture | None = None
        self._views: Sequence[View] = ()

    def connect(self, capture: Capture, views: Sequence[View], limit: int = 0) -> None:
        """Say where frames come from and where answers go; end after `limit` answers (0: never)."""
        self._capture, self._views, self.limit = capture, views, limit

    def free_by(self) -> float:
        """When the frame that runs now will be answered, as a guess from earlier ones (monotonic seconds)."""
        return self._free_by

    def stop(self) -> None:
        """Ask the thread to end after the frame at hand."""
        self._stop_asked.set()

    def run(self) -> None:
        """The thread's whole life."""
        try:
            while not self._stop_asked.is_set() and self._step():
                pass
        except BaseException as error:
            self.error = error
        finally:
            self.finished.set()

    def _step(self) -> bool:
        """Answer one frame; returns whether more may come."""
        assert self._capture is not None
        over = self._capture.state in (ENDED, FAILED)
        frame = self._capture.slot.take(0.2)
        if frame is None:
            return not over
        answer = self.answer(frame)
        self._capture.counts.inferred += 1
        for view in self._views:
            view.show(answer)
        return not self.limit or self._capture.counts.inferred < self.limit

    def answer(self, frame: Frame) -> Answer:
        """Run the model on a frame."""
        tensor = frame.prepare(self.engine)
        started = time.monotonic()
        self._free_by = started + self.meter.invoke_s
        output = self.engine.invoke(tensor)
        invoked = time.monotonic()
        task, contract = self.engine.task, self.engine.contract
        outputs = self.engine.real(output)
        scene = None
        if self.follower:
            classes, scene = self.follower(task.interpret(outputs, contract), frame)
        else:
            classes = self._answers(outputs, frame.time_s)
        done = time.monotonic()
        latency_ms = (done - frame.exposed_at) * 1e3
        stages = {
            "capture": frame.capture_ms,
            "resize": frame.resize_ms,
            "wait": max(0.0, (started - frame.exposed_at) * 1e3 - frame.capture_ms - frame.resize_ms),
            "invoke": (invoked - started) * 1e3,
            "postprocess": (done - invoked) * 1e3,
        }
        sure = bool(classes) and (is_rejected(classes) or classes[0]["probability"] >= self._threshold)
        self.meter.add(done, latency_ms, stages)
        if scene:
            self.meter.remember_objects(scene.now)
        elif classes:
            self.meter.remember(str(classes[0]["label"]) if sure else "", classes[0])
        return Answer(frame, classes, sure, latency_ms, stages, task, contract, scene)

    def _answers(self, outputs: Outputs, at: float) -> list[dict[str, Any]]:
        """Of probabilities and margin as they are smoothed, at a time in seconds."""
        task, contract = self.engine.task, self.engine.contract
        values, margin = task.interpret(outputs, contract), task.margin(outputs, contract)
        if task.smoothed:
            values = self._smooth(values, at)
            margin = margin if margin is None else float(self._smooth_margin(np.array(margin), at))
        return judged(task.answers(values, contract, self._count), margin, contract.rejection)
