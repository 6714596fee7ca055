"""The fastest artifact within a bound: rungs from cheap to dear, until one holds on pictures that none has seen."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import artifact
from edgecnn.data import DataSet, Example, class_indices, open_data, readable
from edgecnn.errors import BoundNotMetError, DataError, QuantizationError, UsageError
from edgecnn.progress import Progress, silent
from edgecnn.quantize._quantize import Calibration, quantize
from edgecnn.registry import SCHEMES
from edgecnn.runtime.engine import Engine
from edgecnn.runtime.measure import summary, test_tensor, timed_runs
from edgecnn.runtime.model_file import ModelFile
from edgecnn.runtime.preprocess import fit
from edgecnn.verify._reference import open_reference
from edgecnn.verify.statistics import Share, in_top, paired_drop, share

_TIMED_RUNS = 20
_BLAMED_ON = 16  # pictures


@dataclass(frozen=True)
class Rung:
    """One way to quantize.

    Attributes:
        name: for the account.
        what: it does, in a few words.
        scheme: for `quantize`.
        improve: level of improvement, for `quantize`.
        edge_tpu: whether an Edge TPU could run the result.
    """

    name: str
    what: str
    scheme: str
    improve: str | None
    edge_tpu: bool = True


RUNGS = (
    Rung("plain", "int8, rounded to nearest", "int8", "none"),
    Rung("fast", "int8, rounded by outputs, biases corrected", "int8", "fast"),
    Rung("best", "int8, the same layer by layer, and chosen ranges", "int8", "best"),
    Rung("int8_mixed", "int8, the layers that lose most in float: CPU only", "int8_mixed", "best", edge_tpu=False),
    Rung("int16x8", "int16 activations in all layers: CPU only, slower", "int16x8", None, edge_tpu=False),
    Rung("dynamic_int8", "float activations: CPU only", "dynamic_int8", None, edge_tpu=False),
)


@dataclass(frozen=True)
class Bounds:
    """What may be lost.

    Attributes:
        max_drop: points of top-1; needs labels.
        min_agreement: percent of pictures with the float model's answer.
        edge_tpu: whether the artifact must suit an Edge TPU.
    """

    max_drop: float | None = None
    min_agreement: float | None = None
    edge_tpu: bool = False

    def __post_init__(self) -> None:
        if self.max_drop is None and self.min_agreement is None:
            raise UsageError("A bound is missing: give --max-drop POINTS, --min-agreement PERCENT, or both.")


@dataclass(frozen=True)
class Step:
    """A rung that was tried.

    Attributes:
        verdict: "held" (the whole confidence interval lies within the bounds), "not shown" (the measured value does,
            but there are too few pictures to tell), or "missed".
        pictures_needed: how many would do to tell, an estimate; 0 where it is told already or can't be.
        latency_ms: median on this machine, one thread: to compare rungs, not boards.
    """

    rung: str
    what: str
    verdict: str
    agreement: Share
    top1: Share | None
    drop: Share | None
    size_bytes: int
    latency_ms: float
    pictures: int
    pictures_needed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Climb:
    """What came of it: the artifact, every step, and whether the last one is within the bounds."""

    file: ModelFile
    steps: list[Step]
    reached: bool


def climb(
    model: Any,
    output: str | Path,
    bounds: Bounds,
    data: str | DataSet,
    *,
    calibration: Calibration = Calibration(),  # noqa: B008 - frozen
    io: str | None = None,
    trust: bool = False,
    progress: Progress = silent,
) -> Climb:
    """Try the rungs in order and write the first artifact within the bounds.

    Args:
        model: see `quantize`.
        output: the `.tflite` to write. If no rung is within the bounds it is not written; the best artifact is then
            kept beside it as `NAME-best.tflite`.
        bounds: what may be lost.
        data: pictures to judge by; those that were calibrated on are left out.
        calibration: what the rungs calibrate on; its `improve` is the rungs' affair.
        io: see `quantize`; rungs that can't have it take their own.
        trust: run code that a model file carries.
        progress: called with (stage, done, total).

    Raises:
        DataError: no picture is left to judge by, or there is a bound on the drop and there are no labels.
    """
    output = Path(output)
    judge: _Judge | None = None
    steps: list[Step] = []
    files: list[ModelFile] = []
    for rung in (rung for rung in RUNGS if rung.edge_tpu or not bounds.edge_tpu):
        with tempfile.TemporaryDirectory() as folder:
            file = quantize(
                model, Path(folder) / output.name, scheme=rung.scheme,
                io=io if io in SCHEMES.load(rung.scheme).IO else None, trust=trust, progress=progress,
                calibration=dataclasses.replace(calibration, improve=rung.improve),
            )  # fmt: skip
        judge = judge or _Judge.open(model, data, file, bounds, trust)
        progress(f"Judging {rung.name}", 0, 0)
        steps.append(judge.step(rung, file))
        files.append(file)
        if steps[-1].verdict != "missed":
            return _written(output, file, steps, reached=True)
    best = max(range(len(steps)), key=lambda number: (steps[number].agreement.percent, -steps[number].size_bytes))
    return _written(output.with_name(f"{output.stem}-best.tflite"), files[best], steps, reached=False)


def _written(path: Path, file: ModelFile, steps: list[Step], *, reached: bool) -> Climb:
    provenance = {**file.contract.provenance, "ladder": [step.to_dict() for step in steps]}
    return Climb(artifact.rewrite(path, file, file.contract.replace(provenance=provenance)), steps, reached)


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
    best = max(climbed.steps, key=lambda step: step.agreement.percent)
    wanted = [f"--max-drop {bounds.max_drop}"] if bounds.max_drop is not None else []
    wanted += [f"--min-agreement {bounds.min_agreement}"] if bounds.min_agreement is not None else []
    drop = f", drop {best.drop}".replace(" %", " points") if best.drop is not None else ""
    raise BoundNotMetError(
        f"No rung is within {' and '.join(wanted)}. The best is {best.rung}: agreement {best.agreement}{drop} of "
        f"{best.pictures} pictures. It is kept as {climbed.file.name}.{reason}"
    )


def blame(climbed: Climb, model: Any, data: str | DataSet, *, trust: bool = False) -> str:
    """One sentence on the layers that lose most in the artifact that was kept; empty where it has no int8 layers."""
    from edgecnn.doctor import Case, layer_noise

    data = data if isinstance(data, DataSet) else open_data(data)
    try:
        case = Case.open(climbed.file, model, data.sample(_BLAMED_ON), trust=trust)
        found = layer_noise(case.simulation, case.layer_names)
    except (QuantizationError, DataError):
        return ""
    worst = sorted(found, key=lambda layer: -layer.share_percent)[:3]
    named = ", ".join(f"{layer.layer} ({layer.operator}, {layer.share_percent:.0f} %)" for layer in worst)
    ask = f"edgecnn doctor {climbed.file.name} --against FLOAT --data DATA"
    return f" Most of the noise comes from {named}. Ask why: {ask}"


class _Judge:
    """The float model's answers for held-out pictures, and how an artifact's compare."""

    def __init__(
        self, fitted: list[np.ndarray], truth: np.ndarray | None, expected: np.ndarray, bounds: Bounds
    ) -> None:
        self._fitted = fitted
        self._truth = truth
        self._expected = expected
        self._bounds = bounds

    @classmethod
    def open(cls, model: Any, data: str | DataSet, file: ModelFile, bounds: Bounds, trust: bool) -> _Judge:
        data = data if isinstance(data, DataSet) else open_data(data)
        if bounds.max_drop is not None and not data.classes:
            raise DataError(f"--max-drop needs labels, and {data.name} has none; use --min-agreement.")
        classes = class_indices(data, file.contract) if data.classes else {}
        used = set(file.contract.provenance.get("calibration", {}).get("pictures", {}).values())
        fresh = tuple(example for example in data.examples if example.sha256()[:16] not in used)
        if not fresh:
            raise DataError(f"All {len(data)} pictures of {data.name} were calibrated on. Give --data with others.")
        read = list(readable(DataSet(data.name, fresh, data.classes), _pass_over))
        fitted = [fit(picture, file.contract.preprocessing) for _, picture in read]
        _, reference = open_reference(model, file.contract, trust=trust)
        expected = np.concatenate([reference(np.stack(fitted[i : i + 32])) for i in range(0, len(fitted), 32)])
        truth = np.asarray([classes[example.label or ""] for example, _ in read]) if classes else None
        return cls(fitted, truth, expected, bounds)

    def step(self, rung: Rung, file: ModelFile) -> Step:
        engine = Engine(file)
        scores = np.stack([engine.scores(engine.tensor(picture)) for picture in self._fitted])
        same = scores.argmax(axis=1) == self._expected.argmax(axis=1)
        top1 = drop = None
        if self._truth is not None:
            before, after = (in_top(values, self._truth, 1) for values in (self._expected, scores))
            top1, drop = share(int(after.sum()), len(after)), paired_drop(before, after)
        agreement = share(int(same.sum()), len(same))
        verdict, needed = _verdict(self._bounds, agreement, drop)
        single = Engine(file, threads=1)
        latency = summary(timed_runs(single, test_tensor(single), _TIMED_RUNS))["median"]
        return Step(
            rung.name, rung.what, verdict, agreement, top1, drop, len(file.data), round(latency, 2), len(same), needed
        )


def _pass_over(example: Example, why: Exception) -> None:
    """A picture that can't be read isn't judged by; `verify` reports it."""


def _verdict(bounds: Bounds, agreement: Share, drop: Share | None) -> tuple[str, int]:
    """The worse of the two bounds' verdicts, and how many pictures would tell."""
    found = []
    if bounds.max_drop is not None and drop is not None:
        found.append(_one(bounds.max_drop - drop.percent, drop.high_percent - drop.percent, agreement.total))
    if bounds.min_agreement is not None:
        room = agreement.percent - bounds.min_agreement
        found.append(_one(room, agreement.percent - agreement.low_percent, agreement.total))
    order = ("held", "not shown", "missed")
    return max(found, key=lambda pair: (order.index(pair[0]), pair[1]))


def _one(room: float, half_width: float, pictures: int) -> tuple[str, int]:
    """Verdict from how far the value lies within its bound and how wide its interval is; widths shrink as 1/sqrt(n)."""
    if room < 0:
        return "missed", 0
    if half_width <= room:
        return "held", 0
    return "not shown", math.ceil(pictures * (half_width / room) ** 2) if room > 0 else 0
