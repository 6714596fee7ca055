"""The float model's answers for held-out pictures, and how an artifact's compare."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np

from edgecnn.core.errors import DataError
from edgecnn.core.statistics import in_top, paired_drop, share
from edgecnn.data import DataSet, Example, class_indices, open_data, readable
from edgecnn.data.split import open_splits
from edgecnn.ladder.settings import Bounds
from edgecnn.ladder.task import Task
from edgecnn.ladder.values import Step, verdict
from edgecnn.runtime.measure.latency import test_tensor, timed_runs
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.process.lock import measuring
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import fit
from edgecnn.verification.reference import open_reference

_TIMED_RUNS = 30
_BATCH = 32


def held_out(data: str | DataSet, task: Task) -> tuple[DataSet, int]:
    """The pictures to judge by, without those that are calibrated or trained on; and how many that leaves out.

    Raises:
        DataError: there are none, or there is a bound on the drop and there are no labels.
    """
    data = data if isinstance(data, DataSet) else open_data(data)
    if task.bounds.max_drop is not None and not data.classes:
        raise DataError(f"--max-drop needs labels, and {data.name} has none; use --min-agreement.")
    calibrated = task.calibration.pictures("best").examples
    fresh = _without(data, {example.sha256() for example in calibrated}, "calibrated")
    if task.training:
        trained = open_splits(task.training.data).digests
        fresh = _without(fresh, {digest for digests in trained for digest in digests}, "trained")
    return fresh, len(data) - len(fresh)


def _without(data: DataSet, digests: set[str], why: str) -> DataSet:
    """Leave pictures out by content."""
    fresh = tuple(example for example in data.examples if example.sha256() not in digests)
    if not fresh:
        raise DataError(f"All {len(data)} pictures of {data.name} were {why} on. Give --data with others.")
    return DataSet(data.name, fresh, data.classes)


class Judge:
    """Measures artifacts, always on the same pictures."""

    def __init__(
        self, fitted: list[np.ndarray], truth: np.ndarray | None, expected: np.ndarray, bounds: Bounds
    ) -> None:
        self._fitted, self._truth, self._expected, self._bounds = fitted, truth, expected, bounds
        self._first: Engine | None = None

    @classmethod
    def open(cls, model: Any, data: DataSet, file: ModelFile, bounds: Bounds, trust: bool) -> Judge:
        """Ask the float model.

        Args:
            model: see `edgecnn.quantization.quantize`.
            data: see `held_out`.
            file: any artifact of the model: its contract says how pictures become its input.
            bounds: what may be lost.
            trust: run code that a model file carries.
        """
        classes = class_indices(data, file.contract) if data.classes else {}
        read = list(readable(data, _pass_over))
        fitted = [fit(picture, file.contract.preprocessing) for _, picture in read]
        _, reference = open_reference(model, file.contract, trust=trust)
        parts = [np.stack(fitted[start : start + _BATCH]) for start in range(0, len(fitted), _BATCH)]
        expected = np.concatenate([reference(part) for part in parts])
        truth = np.asarray([classes[example.label or ""] for example, _ in read]) if classes else None
        return cls(fitted, truth, expected, bounds)

    def step(self, rung: str, what: str, file: ModelFile) -> Step:
        """Measure one."""
        engine = Engine(file)
        scores = np.stack([engine.scores(engine.tensor(picture)) for picture in self._fitted])
        same = scores.argmax(axis=1) == self._expected.argmax(axis=1)
        top1 = drop = None
        if self._truth is not None:
            before, after = (in_top(values, self._truth, 1) for values in (self._expected, scores))
            top1, drop = share(int(after.sum()), len(after)), paired_drop(before, after)
        agreement = share(int(same.sum()), len(same))
        said, needed = verdict(self._bounds, agreement, drop)
        latency_ms, price_ms = self._times(file)
        return Step(
            rung, what, said, agreement, top1, drop, len(file.data), latency_ms, price_ms, len(same), needed
        )  # fmt: skip

    def _times(self, file: ModelFile) -> tuple[float, float]:
        """Median, and how much the shortest run takes more than the first artifact's, in turns with it.

        The shortest, because other work on this machine makes runs longer, never shorter.
        """
        single = Engine(file, threads=1)
        self._first = self._first or single
        first, ours = test_tensor(self._first), test_tensor(single)
        with measuring(math.inf):
            turns = [(timed_runs(self._first, first, 1)[0], timed_runs(single, ours, 1)[0]) for _ in range(_TIMED_RUNS)]
        before, after = zip(*turns)
        price_ms = 0.0 if self._first is single else min(after) - min(before)
        return round(statistics.median(after), 2), round(price_ms, 2)


def _pass_over(example: Example, why: Exception) -> None:
    """A picture that can't be read isn't judged by; `verify` reports it."""
