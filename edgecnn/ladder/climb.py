"""Configuration after configuration, until one is within the bounds."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from edgecnn import artifact
from edgecnn.core import temporary
from edgecnn.core.errors import BoundNotMetError, DataError, QuantizationError, UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.core.progress import Progress, silent
from edgecnn.data import DataSet, open_data
from edgecnn.ladder.configurations import CONFIGURATIONS, Configuration, make, reason_to_skip
from edgecnn.ladder.evaluation import Evaluator, held_out
from edgecnn.ladder.request import Request
from edgecnn.ladder.settings import Bounds, Training
from edgecnn.ladder.values import Climb
from edgecnn.quantization.settings import SAMPLES, Calibration
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.provenance import Skipped, Tried

_BLAMED_ON = 16  # images
_SAME_NETWORK = ("plain", "ranges", "fast", "best")  # int8 throughout, and layer by layer what the float model is


def climb(  # noqa: PLR0913 (by keyword, what the command offers)
    model: Any,
    output: str | Path,
    bounds: Bounds,
    data: str | DataSet,
    *,
    calibration: Calibration = Calibration(),  # noqa: B008 - frozen
    training: Training | None = None,
    hints: Hints = NO_HINTS,
    trust: bool = False,
    progress: Progress = silent,
) -> Climb:
    """Try the configurations in order and write the first artifact within the bounds.

    Args:
        model: see `quantize`.
        output: the `.tflite` to write. If none is within the bounds it is not written; the best artifact is then
            kept beside it as `NAME-best.tflite`.
        bounds: what may be lost.
        data: the evaluation set; images that were calibrated or trained on are left out, by content.
        calibration: the calibration set, the same for all; its `improve` is the configurations' own.
        training: what the configurations that train learn from; without it they are skipped.
        hints: what is known of a model by others.
        trust: run code that a model file carries.
        progress: called with (stage, done, total).

    Raises:
        DataError: no image is left to evaluate on, or there is a bound on the drop and there are no labels.
        QuantizationError: no configuration can have the model.
    """
    output = Path(output)
    # The same images for every configuration: those of the most expensive are then left out for all.
    calibration = dataclasses.replace(calibration, samples=calibration.samples or SAMPLES["best"])
    request = Request(model, bounds, calibration, training, hints, trust, progress)
    return _Climbing(request, output, *held_out(data, request)).run()


class _Climbing:
    """The state of one call of `climb`."""

    def __init__(self, request: Request, output: Path, data: DataSet, left_out: int) -> None:
        self._request, self._output, self._data, self._left_out = request, output, data, left_out
        self._evaluator: Evaluator | None = None
        self._entries: list[Tried | Skipped] = []
        self._tried: list[tuple[Tried, ModelFile]] = []

    def run(self) -> Climb:
        """Try configurations until one is within the bounds."""
        refused: QuantizationError | None = None
        for configuration in CONFIGURATIONS:
            try:
                reason = reason_to_skip(configuration, self._request) or self._try(configuration)
            except (QuantizationError, UsageError) as error:
                if isinstance(error, UsageError) and not configuration.method:
                    raise
                reason = str(error)
                refused = error if isinstance(error, QuantizationError) else refused
            if reason:
                self._entries.append(Skipped(configuration.name, configuration.what, reason))
            elif self._tried[-1][0].verdict != "not met":
                return self._written(self._output, self._tried[-1][1], reached=True)
        if not self._tried:
            raise refused or QuantizationError(
                "No configuration of the ladder is compatible with the requested options, so all were skipped. Relax "
                "the options or the bound."
            )
        _, best = max(self._tried, key=lambda tried: _merit(tried[0]))
        return self._written(self._output.with_name(f"{self._output.stem}-best.tflite"), best, reached=False)

    def _try(self, configuration: Configuration) -> str:
        with temporary.folder() as folder:
            file = make(configuration, self._request, Path(folder) / self._output.name)
        bounds, trust = self._request.bounds, self._request.trust
        self._evaluator = self._evaluator or Evaluator.open(self._request.model, self._data, file, bounds, trust)
        self._request.progress(f"Evaluating {configuration.name}", 0, 0)
        tried = self._evaluator.tried(configuration.name, configuration.what, file)
        self._entries.append(tried)
        self._tried.append((tried, file))
        return ""

    def _written(self, path: Path, file: ModelFile, *, reached: bool) -> Climb:
        provenance = dataclasses.replace(file.contract.provenance, ladder=tuple(self._entries))
        written = artifact.rewrite(path, file, file.contract.replace(provenance=provenance))
        same = [pair for pair in self._tried if pair[0].configuration in _SAME_NETWORK]
        best = max(same, key=lambda tried: _merit(tried[0]))[1] if same else None
        return Climb(written, path, self._entries, reached, self._left_out, best)


def _merit(tried: Tried) -> tuple[float, int]:
    return tried.agreement.percent, -tried.size_bytes


def check(climbed: Climb, bounds: Bounds, reason: str = "") -> None:
    """Raise unless the bounds were met.

    Args:
        climbed: what came of it.
        bounds: what was asked for.
        reason: a sentence to add, see `blame`.

    Raises:
        BoundNotMetError: no configuration met them; the message says by how much the best one fell short.
    """
    if climbed.reached:
        return
    best = max(climbed.tried, key=_merit)
    drop = f", drop {best.drop}".replace(" %", " points") if best.drop is not None else ""
    trainable = any(isinstance(entry, Skipped) and "--train-data" in entry.reason for entry in climbed.entries)
    raise BoundNotMetError(
        f"No configuration is within {bounds}. The best is {best.configuration}: agreement {best.agreement}{drop} "
        f"on {best.pictures} images. It was written to {climbed.path}.{reason} Relax the bound"
        f"{', or add --train-data' * trainable}."
    )


def blame(climbed: Climb, model: Any, data: str | DataSet, *, trust: bool = False) -> str:
    """One sentence on the noisiest layers of the best int8 artifact; empty if there is no such artifact."""
    from edgecnn.verification.doctor import Case, layer_noise

    if climbed.int8 is None:
        return ""
    data = data if isinstance(data, DataSet) else open_data(data).part("test", "validation")
    try:
        case = Case.open(climbed.int8, model, data.sample(_BLAMED_ON), trust=trust)
        found = layer_noise(case.simulation)
    except (QuantizationError, DataError):
        return ""
    worst = sorted(found, key=lambda layer: -layer.share_percent)[:3]
    named = ", ".join(f"{layer.layer} ({layer.operator}, {layer.share_percent:.0f} %)" for layer in worst)
    ask = f"edgecnn doctor {shlex.quote(str(climbed.path))} --against FLOAT --data DATA"
    return f" Most of int8's noise comes from {named}. To diagnose it, run: {ask}."
