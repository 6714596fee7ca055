"""What a model answers: what `classify` and `detect` do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.answers import answer
from edgecnn.runtime.run.boxes import detect
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import read_picture
from edgecnn.runtime.tasks import task_of

_OPENS = {"classify": "load", "detect": "load_detector"}


class _Model:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def contract(self) -> Contract:
        """How images become its input, its labels, where it came from, what was measured."""
        return self.engine.contract


class Classifier(_Model):
    """A `.tflite` model that is ready to use."""

    def classify(self, image: str | Path | np.ndarray, count: int = 5) -> list[dict[str, Any]]:
        """The best classes, best first: dictionaries with index, label, id and probability.

        Where the contract rejects the image, "none of these" comes before them, with the index -1 and no probability.

        Args:
            image: an image file, or uint8 (height, width, 3) in red-green-blue order.
            count: how many classes.

        Raises:
            PictureError: the image can't be read.
        """
        picture, order = _picture(image)
        return answer(self.engine, picture, count, order)


class Detector(_Model):
    """A `.tflite` object detector that is ready to use."""

    def detect(
        self, image: str | Path | np.ndarray, *, threshold: float = 0.3, most: int = 100
    ) -> list[dict[str, Any]]:
        """The objects, the surest first: dictionaries with index, label, id, probability, box and pixels.

        `pixels` is left, top, right and bottom in the image; `box` the same as shares of the model's input.

        Args:
            image: an image file, or uint8 (height, width, 3) in red-green-blue order.
            threshold: least probability, 0 to 1.
            most: how many objects at most.

        Raises:
            PictureError: the image can't be read.
        """
        picture, order = _picture(image)
        return detect(self.engine, picture, threshold, most, order)


def _picture(image: str | Path | np.ndarray) -> tuple[np.ndarray, str]:
    """The image, and the order of its channels."""
    return (image, "rgb") if isinstance(image, np.ndarray) else (read_picture(image), "bgr")


def load(
    path: str | Path, *, labels: str | Path | None = None, threads: int | None = None, hints: Hints = NO_HINTS
) -> Classifier:
    """Open a `.tflite` model, ours or by others.

    Args:
        path: the file.
        labels: class names, one per line, for a model that has none.
        threads: processor threads; by default all processors, at most 4.
        hints: what else is known of a model by others.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
        UsageError: it is for another task; the message names the function that opens it.
        CrashError: the runtime can't take it; found out in a child process, so that this one lives on.
    """
    return Classifier(_engine(path, labels, threads, hints, "classify"))


def load_detector(
    path: str | Path, *, labels: str | Path | None = None, threads: int | None = None, hints: Hints = NO_HINTS
) -> Detector:
    """Open a `.tflite` object detector, ours or by others; arguments and errors as of `load`."""
    return Detector(_engine(path, labels, threads, hints, "detect"))


def _engine(path: str | Path, labels: str | Path | None, threads: int | None, hints: Hints, command: str) -> Engine:
    said = hints if labels is None else dataclasses.replace(hints, labels=Path(labels))
    file = said.read(path)
    task = task_of(file.contract)
    if task.command != command:
        opens = f"; open it with edgecnn.{_OPENS[task.command]}(...)" if task.command in _OPENS else ""
        raise UsageError(f"{path} is a model for {task.name}{opens}.")
    guard.try_out(file)
    return Engine(file, threads)
