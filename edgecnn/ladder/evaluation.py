"""Evaluates artifacts against the float model on held-out images."""

from __future__ import annotations

import math
import statistics
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import DataError
from edgecnn.core.statistics import share
from edgecnn.data import DataSet, Example, open_data, readable
from edgecnn.data.seen import Seen
from edgecnn.data.split import open_splits
from edgecnn.float_model import keras_file
from edgecnn.ladder.request import Request
from edgecnn.ladder.settings import Bounds
from edgecnn.ladder.values import verdict
from edgecnn.runtime.measure.latency import test_tensor, timed_runs
from edgecnn.runtime.model.model_file import ModelFile, outputs_of
from edgecnn.runtime.model.provenance import Provenance, Tried
from edgecnn.runtime.process.lock import measuring
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import fit
from edgecnn.runtime.tasks import Outputs
from edgecnn.tasks import task_of
from edgecnn.tasks.task import Truth
from edgecnn.verification.reference import open_reference

_TIMED_RUNS = 30
_BATCH = 32


def held_out(data: str | DataSet, request: Request) -> tuple[DataSet, int]:
    """The evaluation set without calibration and training images, and how many were excluded.

    Raises:
        DataError: there are none, or there is a bound on the drop and there are no labels.
    """
    data = data if isinstance(data, DataSet) else open_data(data).part("test", "validation")
    if request.bounds.max_drop is not None and not (data.classes or data.task):
        raise DataError(f"--max-drop needs labels, but {data.name} has none. Use --min-agreement.")
    calibrated = request.calibration.pictures("best").examples
    fresh = _without(data, {example.sha256() for example in calibrated}, "calibration")
    fresh = _without(fresh, Seen.read(_provenance(request.model)), "training")
    if request.training:
        trained = open_splits(request.training.data).digests
        fresh = _without(fresh, {digest for digests in trained for digest in digests}, "training")
    return fresh, len(data) - len(fresh)


def _provenance(model: Any) -> Provenance:
    """Of a model that has a contract."""
    if isinstance(model, tuple):
        contract = model[1]
    else:
        is_ours = isinstance(model, (str, Path)) and Path(model).suffix == ".keras"
        contract = keras_file.read_contract(model) if is_ours else None
    return contract.provenance if contract is not None else Provenance()


def _without(data: DataSet, digests: Container[str], why: str) -> DataSet:
    """Leave images out by content."""
    fresh = tuple(example for example in data.examples if example.sha256() not in digests)
    if not fresh:
        raise DataError(f"All {len(data)} images of {data.name} were used for {why}. Give other images with --data.")
    return data.with_examples(fresh)


class Evaluator:
    """Measures artifacts, always on the same images."""

    def __init__(
        self, fitted: list[np.ndarray], truths: list[Truth] | None, expected: list[Outputs], bounds: Bounds
    ) -> None:
        self._fitted, self._truths, self._expected, self._bounds = fitted, truths, expected, bounds
        self._first: Engine | None = None

    @classmethod
    def open(cls, model: Any, data: DataSet, file: ModelFile, bounds: Bounds, trust: bool) -> Evaluator:
        """Ask the float model.

        Args:
            model: see `edgecnn.quantization.quantize`.
            data: see `held_out`.
            file: any artifact of the model: its contract says how images become its input.
            bounds: what may be lost.
            trust: run code that a model file carries.
        """
        truth_of = task_of(file.contract).truth_of(data, file.contract, outputs_of(file.model))
        read = list(readable(data, _pass_over))
        fitted = [fit(picture, file.contract.preprocessing) for _, picture in read]
        _, reference = open_reference(model, file.contract, trust=trust)
        parts = [np.stack(fitted[start : start + _BATCH]) for start in range(0, len(fitted), _BATCH)]
        task = task_of(file.contract)
        answers = (outputs for part in parts for outputs in reference(part, file.contract.preprocessing))
        expected: list[Outputs] = [task.compared(outputs, file.contract) for outputs in answers]
        return cls(fitted, [truth_of(example) for example, _ in read] if truth_of else None, expected, bounds)

    def tried(self, configuration: str, what: str, file: ModelFile) -> Tried:
        """Measure one."""
        engine, task = Engine(file), task_of(file.contract)
        answers = (engine.real(engine.invoke(engine.tensor(picture))) for picture in self._fitted)
        found: list[Outputs] = [task.compared(outputs, file.contract) for outputs in answers]
        same = [task.agrees(*pair, file.contract) for pair in zip(self._expected, found)]
        metric = drop = None
        if self._truths is not None:
            metrics, drop = task.metrics(self._expected, found, self._truths, file.contract)
            metric = metrics[task.metric].artifact
        agreement = share(sum(same), len(same))
        said, needed = verdict(self._bounds, agreement, drop)
        latency_ms, added_ms = self._times(file)
        return Tried(
            configuration, what, said, agreement, metric, drop, len(file.data), latency_ms, added_ms, len(same), needed
        )  # fmt: skip

    def _times(self, file: ModelFile) -> tuple[float, float]:
        """Median, and how much the shortest run takes more than the first artifact's, in interleaved runs.

        The shortest, because other work on this machine makes runs longer, never shorter.
        """
        single = Engine(file, threads=1)
        self._first = self._first or single
        first, ours = test_tensor(self._first), test_tensor(single)
        with measuring(math.inf):
            turns = [(timed_runs(self._first, first, 1)[0], timed_runs(single, ours, 1)[0]) for _ in range(_TIMED_RUNS)]
        before, after = zip(*turns)
        added_ms = 0.0 if self._first is single else min(after) - min(before)
        return round(statistics.median(after), 2), round(added_ms, 2)


def _pass_over(example: Example, why: Exception) -> None:
    """An image that can't be read isn't evaluated on; `verify` reports it."""
