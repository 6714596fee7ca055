"""Rung after rung, until one is within the bounds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from edgecnn import artifact
from edgecnn.core import temporary
from edgecnn.core.errors import BoundNotMetError, DataError, QuantizationError, UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.data import DataSet, open_data
from edgecnn.ladder.configurations import RUNGS, Rung
from edgecnn.ladder.evaluation import Judge, held_out
from edgecnn.ladder.settings import Bounds, Training
from edgecnn.ladder.task import Task
from edgecnn.ladder.values import Climb, Skipped, Step
from edgecnn.quantization.settings import SAMPLES, Calibration
from edgecnn.runtime.model.model_file import ModelFile

_BLAMED_ON = 16  # pictures
_SAME_NETWORK = ("plain", "ranges", "fast", "best")  # int8 throughout, and layer by layer what the float model is


def climb(
    model: Any,
    output: str | Path,
    bounds: Bounds,
    data: str | DataSet,
    *,
    calibration: Calibration = Calibration(),  # noqa: B008 - frozen
    training: Training | None = None,
    trust: bool = False,
    progress: Progress = silent,
) -> Climb:
    """Try the rungs in order and write the first artifact within the bounds.

    Args:
        model: see `quantize`.
        output: the `.tflite` to write. If no rung is within the bounds it is not written; the best artifact is then
            kept beside it as `NAME-best.tflite`.
        bounds: what may be lost.
        data: pictures to judge by; those that were calibrated or trained on are left out, by content.
        calibration: what the rungs calibrate on, all of them on the same pictures; its `improve` is the rungs' affair.
        training: what the rungs that train learn from; without it they are skipped.
        trust: run code that a model file carries.
        progress: called with (stage, done, total).

    Raises:
        DataError: no picture is left to judge by, or there is a bound on the drop and there are no labels.
        QuantizationError: no rung can have the model.
    """
    output = Path(output)
    # The same pictures for every rung: those of the dearest are then left out for all.
    calibration = dataclasses.replace(calibration, samples=calibration.samples or SAMPLES["best"])
    task = Task(model, bounds, calibration, training, trust, progress)
    return _Climbing(task, output, *held_out(data, task)).run()


class _Climbing:
    """The state of one call of `climb`."""

    def __init__(self, task: Task, output: Path, data: DataSet, left_out: int) -> None:
        self._task, self._output, self._data, self._left_out = task, output, data, left_out
        self._judge: Judge | None = None
        self._account: list[Step | Skipped] = []
        self._tried: list[tuple[Step, ModelFile]] = []

    def run(self) -> Climb:
        """All rungs, as far as need be."""
        refused: QuantizationError | None = None
        for rung in RUNGS:
            try:
                reason = rung.reason_to_skip(self._task) or self._try(rung)
            except (QuantizationError, UsageError) as error:
                if isinstance(error, UsageError) and not rung.trains:
                    raise
                reason = str(error)
                refused = error if isinstance(error, QuantizationError) else refused
            if reason:
                self._account.append(Skipped(rung.name, rung.what, reason))
            elif self._tried[-1][0].verdict != "missed":
                return self._written(self._output, self._tried[-1][1], reached=True)
        if not self._tried:
            raise refused or QuantizationError("No rung of the ladder suits what is asked of the artifact.")
        _, best = max(self._tried, key=lambda tried: _merit(tried[0]))
        return self._written(self._output.with_name(f"{self._output.stem}-best.tflite"), best, reached=False)

    def _try(self, rung: Rung) -> str:
        with temporary.folder() as folder:
            file = rung.make(self._task, Path(folder) / self._output.name)
        bounds, trust = self._task.bounds, self._task.trust
        self._judge = self._judge or Judge.open(self._task.model, self._data, file, bounds, trust)
        self._task.progress(f"Judging {rung.name}", 0, 0)
        step = self._judge.step(rung.name, rung.what, file)
        self._account.append(step)
        self._tried.append((step, file))
        return ""

    def _written(self, path: Path, file: ModelFile, *, reached: bool) -> Climb:
        account = [entry.to_dict() for entry in self._account]
        contract = file.contract.replace(provenance={**file.contract.provenance, "ladder": account})
        written = artifact.rewrite(path, file, contract)
        same = [pair for pair in self._tried if pair[0].rung in _SAME_NETWORK]
        best = max(same, key=lambda tried: _merit(tried[0]))[1] if same else None
        return Climb(written, path, self._account, reached, self._left_out, best)


def _merit(step: Step) -> tuple[float, int]:
    return step.agreement.percent, -step.size_bytes


def check(climbed: Climb, bounds: Bounds, reason: str = "") -> None:
    """Raise unless the bounds were met.

    Args:
        climbed: what came of it.
        bounds: what was asked for.
        reason: a sentence to add, see `blame`.

    Raises:
        BoundNotMetError: no rung met them; the message says by how much the best one fell short.
    """
    if climbed.reached:
        return
    best = max(climbed.steps, key=_merit)
    drop = f", drop {best.drop}".replace(" %", " points") if best.drop is not None else ""
    raise BoundNotMetError(
        f"No rung is within {bounds}. The best is {best.rung}: agreement {best.agreement}{drop} of "
        f"{best.pictures} pictures. It is kept as {climbed.path}.{reason}"
    )


def blame(climbed: Climb, model: Any, data: str | DataSet, *, trust: bool = False) -> str:
    """One sentence on the layers that lose most in the best int8 artifact; empty where there is none to look into."""
    from edgecnn.verification.doctor import Case, layer_noise

    if climbed.int8 is None:
        return ""
    data = data if isinstance(data, DataSet) else open_data(data)
    try:
        case = Case.open(climbed.int8, model, data.sample(_BLAMED_ON), trust=trust)
        found = layer_noise(case.simulation)
    except (QuantizationError, DataError):
        return ""
    worst = sorted(found, key=lambda layer: -layer.share_percent)[:3]
    named = ", ".join(f"{layer.layer} ({layer.operator}, {layer.share_percent:.0f} %)" for layer in worst)
    ask = f"edgecnn doctor {climbed.path} --against FLOAT --data DATA"
    return f" Most of int8's noise comes from {named}. Ask why: {ask}"
