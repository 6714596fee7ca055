"""Answers and sinks for tests of what happens between them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from edgecnn.camera.capture import Counts
from edgecnn.camera.delivery import Delivery
from edgecnn.camera.frames import Frame
from edgecnn.camera.recognize import Answer
from edgecnn.camera.sink import Event
from edgecnn.camera.sink_choice import chosen
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.tasks import load

CONTRACT = Contract(Preprocessing(32, 32), output="probabilities", labels=("person", "dog"))
HOSTILE = 'a"b\\c\n{{ 7*7 }}/#+$\x1b[31m\u2028é</script>'
"""A label that would break a topic, JSON by hand, Prometheus's text format, a template, a terminal and a page."""


def answer(
    label: str = "person", probability: float = 0.9, number: int = 1, at: float = 0.0, fps: float = 0.0
) -> Answer:
    """One answer of one class, for a gray image."""
    time_s = number / fps if fps else at
    frame = Frame(number, np.full((48, 64, 3), 128, np.uint8), "bgr", exposed_at=time_s, capture_ms=0, time_s=time_s)
    classes = [{"index": 0, "label": label, "probability": probability}]
    stages = {"capture": 1.0, "resize": 1.0, "wait": 1.0, "invoke": 1.0, "postprocess": 1.0}
    return Answer(frame, classes, probability >= 0.3, 5.0, stages, load("classification"), CONTRACT)


def told(*pairs: tuple[str, float]) -> list[list[dict[str, Any]]]:
    """The answers of some frames, each with one class."""
    return [[{"index": 0, "label": label, "probability": probability}] for label, probability in pairs]


class SinkDouble:
    """Keeps what it is sent; fails as often as it was told to, and can be made to wait."""

    name = "double"

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.events: list[Event] = []
        self.failures, self.error = failures, error or OSError("no route")
        self.tries, self.closed = 0, False
        self.go_on = threading.Event()
        self.go_on.set()

    def send(self, event: Event) -> None:
        self.go_on.wait(20)
        self.tries += 1
        if self.tries <= self.failures:
            raise self.error
        self.events.append(event)

    def close(self) -> None:
        self.closed = True


class Delivered:
    """A delivery to a sink, with what it noted."""

    def __init__(self, sink: Any, text: str = "jsonl:x.jsonl", waits: bool = False) -> None:
        self.notes: list[str] = []
        choice = chosen(text)
        self.delivery = Delivery(choice, sink, 0.3, Counts, self.notes.append, waits)

    def __enter__(self) -> Delivered:
        return self

    def __exit__(self, *exception: object) -> None:
        self.delivery.close()
