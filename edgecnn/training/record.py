"""What `edgecnn train` writes as JSON, and the report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgecnn.data.report import DataReport
from edgecnn.runtime.model.validation import Record, renamed
from edgecnn.tasks import Score
from edgecnn.training.history import History

_PERCENT = "_percent"


@dataclass(frozen=True)
class PhaseRecord(Record):
    """One phase: head, fine-tuning, ...

    Attributes:
        name: of the phase.
        settings: fields of `FitSettings`.
        history: what happened.
        auxiliary_weights: of the losses of auxiliary classifiers, where it had any.
    """

    name: str
    settings: dict[str, Any]
    history: History
    auxiliary_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class ScoreRecord(Record):
    """How good the float model is on one split.

    Attributes:
        loss: mean over the images.
        percent: the task's metric.
        confusion: images by true class (rows) and answer (columns); None where a task has no such thing.
        metric: its name; in JSON the metric's key is METRIC_percent.
    """

    loss: float
    percent: float
    confusion: tuple[tuple[int, ...], ...] | None = None
    metric: str = "top1"

    @classmethod
    def of(cls, score: Score, metric: str) -> ScoreRecord:
        """The record of a score."""
        confusion = None if score.confusion is None else tuple(map(tuple, score.confusion.tolist()))
        return cls(score.loss, score.accuracy_percent, confusion, metric)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = super().to_dict()
        return {f"{values.pop('metric')}{_PERCENT}": values.pop("percent"), **values}

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The metric's key as its name and its value."""
        key = next((key for key in values if key.endswith(_PERCENT)), "")
        return {**values, "metric": key[: -len(_PERCENT)], "percent": values[key]} if key else values


@dataclass(frozen=True)
class TrainingRecord(Record):
    """A whole training.

    Attributes:
        classes: labels in output order.
        phases: in order; in JSON they are called stages.
        validation: the model's score on the validation images.
        test: and on the test images, if there are any.
        data: what was found in the data.
        metric: what the scores are of, for people.
    """

    classes: tuple[str, ...]
    phases: tuple[PhaseRecord, ...]
    validation: ScoreRecord
    test: ScoreRecord | None
    data: DataReport
    metric: str = field(default="top-1")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return renamed(super().to_dict(), {"phases": "stages"})

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The key of `to_dict`."""
        return renamed(values, {"stages": "phases"})
