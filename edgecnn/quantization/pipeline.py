"""The stage itself."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import artifact
from edgecnn.core.errors import ModelFileError, QuantizationError, UsageError
from edgecnn.core.files import sha256
from edgecnn.core.hints import Hints
from edgecnn.core.progress import Progress, silent
from edgecnn.core.version import __version__
from edgecnn.data import DataSet, readable
from edgecnn.float_model import loading
from edgecnn.float_model.kernels import still_holds
from edgecnn.float_model.loading import TraceableModel
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph.edit import Ranges
from edgecnn.graph.probabilities import PROBABILITIES_OF, with_probabilities
from edgecnn.quantization import refusals
from edgecnn.quantization.aware import Aware
from edgecnn.quantization.levels import Pictures, improve
from edgecnn.quantization.scheme import Job
from edgecnn.quantization.scheme import scheme as scheme_of
from edgecnn.quantization.settings import Calibration, QuantizeSettings
from edgecnn.runtime.errors import OutputValueError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.json_text import printable
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.provenance import CalibrationSet, Provenance
from edgecnn.runtime.model.records import Golden
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import apply_table, fit, input_table
from edgecnn.tasks import task_of


def quantize(  # noqa: PLR0913 (by keyword, what the command offers)
    model: Any,
    output: str | Path,
    *,
    scheme: str = "int8",
    calibration: Calibration | str = Calibration(),  # noqa: B008 - frozen
    io: str | None = None,
    raw: bool = False,
    probabilities: bool = False,
    trust: bool = False,
    hints: Hints | None = None,
    progress: Progress = silent,
) -> ModelFile:
    """Convert a model and write the artifact.

    Args:
        model: a path of what `float_model.loading.load` takes, a Keras model, or a pair (Keras model, Contract).
        output: the `.tflite` file to write, whole or not at all.
        scheme: a file of `edgecnn/quantization/schemes/`.
        calibration: a `Calibration`, or just its DATA.
        io: type of the input and output tensors; None takes the scheme's first.
        raw: leave out what a detector's consumers expect behind it, non-maximum suppression.
        probabilities: append a softmax or sigmoid to a model that gives logits.
        trust: run code that a model file carries.
        hints: what is known of a model by others.
        progress: called with (stage, done, total).

    Raises:
        QuantizationError: the model can't be converted, or would fail on the board.
        UsageError: the scheme is unknown or doesn't go with `io`.
        DataError: the calibration data can't be read.
    """
    request = _checked(model, output, scheme, calibration, io)
    progress("Loading the model", 0, 0)
    source = _deployed(_open(model, trust, hints, progress))
    graph, found = _quantized(source, request, progress)
    contract = _converted(source.contract, found)
    graph, contract = (graph, contract) if raw else task_of(contract).finished(graph, contract)
    graph, contract = _with_output(graph, contract, probabilities)
    progress("Writing golden vectors", 0, 0)
    return artifact.write(output, graph, contract.replace(golden=_golden(graph, contract)))


@dataclasses.dataclass(frozen=True)
class _Request:
    """What was asked for, checked; `data` is None where the scheme needs no calibration."""

    scheme: str
    io: str
    calibration: Calibration
    level: str
    data: DataSet | None


def _checked(model: Any, output: str | Path, scheme: str, calibration: Calibration | str, io: str | None) -> _Request:
    """Refuse what can't be done before the model is loaded."""
    calibration = Calibration(calibration) if isinstance(calibration, str) else calibration
    QuantizeSettings(scheme, calibration, io)
    plugin = scheme_of(scheme)
    _check_output(output)
    if isinstance(model, str | Path):
        plugin.check(Path(model))
    level = _checked_level(scheme, plugin.IMPROVE, calibration.improve)
    data = calibration.pictures(level) if plugin.CALIBRATED else None
    return _Request(scheme, io or plugin.IO[0], calibration, level, data)


def _quantized(source: TraceableModel, request: _Request, progress: Progress) -> tuple[bytes, dict[str, Any]]:
    """The graph, and what the contract's provenance says of it."""
    plugin, calibration, level = scheme_of(request.scheme), request.calibration, request.level
    if source.keras_model is not None and still_holds(
        source.keras_model, source.contract.model.compression, "clusters"
    ):
        level = calibration.improve or "none"  # rounding weight by weight would spread the clusters again
    progress("Converting to float", 0, 0)
    float_model = FloatModel.trace(source)
    inputs = _Inputs(request.data, source.contract)
    improvement = _Improvement(float_model, inputs, level, progress)
    job = Job(
        float_model, request.io, inputs.start, improvement.prepare, Aware.find(source), calibration.improve,
        measured=functools.partial(task_of(source.contract).measured, contract=source.contract),
    )  # fmt: skip
    graph = plugin.convert(job)
    refusals.check(graph, integer=plugin.INTEGER)
    return graph, {
        **_versions(),
        "scheme": request.scheme,
        "io": request.io,
        "float_sha256": sha256(float_model.float32),
        "float_size_bytes": len(float_model.float32),
        "qat": False,
        **({"calibration": inputs.record(calibration).to_dict()} if request.data is not None else {}),
        **({"improve": improvement.account} if improvement.account else {}),
        **job.notes,
    }


def _with_output(graph: bytes, contract: Contract, probabilities: bool) -> tuple[bytes, Contract]:
    """With the activation behind logits where probabilities are asked for."""
    if not probabilities or contract.output not in PROBABILITIES_OF:
        return graph, contract
    kind = PROBABILITIES_OF[contract.output]
    return with_probabilities(graph, contract.output), contract.replace(output=kind)


def _converted(contract: Contract, found: dict[str, Any]) -> Contract:
    """The float model's contract with what the conversion adds to its provenance; ranges are in the graph now.

    A threshold of the float model's scores doesn't hold for those of the artifact.
    """
    provenance = Provenance.from_dict({**contract.provenance.to_dict(), **found})
    model = dataclasses.replace(contract.model, qat=None)
    return contract.replace(provenance=provenance, model=model, rejection=None)


def _checked_level(scheme: str, default: str | None, level: str | None) -> str:
    if default is None and level not in (None, "none"):
        raise UsageError(
            f"The scheme {scheme} has no levels of improvement. Remove --improve {level}, or use the scheme int8 "
            "or int8_per_tensor."
        )
    return level or default or "none"


def _check_output(output: str | Path) -> None:
    if Path(output).suffix != ".tflite":
        raise UsageError(f"The output is {str(output)!r}; expected a file name that ends with .tflite.")


def _open(model: Any, trust: bool, hints: Hints | None, progress: Progress) -> TraceableModel:
    if isinstance(model, (str, Path)):
        return loading.load(model, trust=trust, hints=hints, progress=progress)
    if isinstance(model, tuple):
        keras_model, contract = model
        return loading.from_model(keras_model, contract, hints)
    return loading.from_model(model, None, hints)


def _deployed(source: TraceableModel) -> TraceableModel:
    """As its task wants it converted."""
    call, contract = task_of(source.contract).deployed(source.call, source.contract)
    return dataclasses.replace(source, call=call, contract=contract)


class _Inputs:
    """The calibration images as input tensors, by the runtime's own preprocessing; remembers what was used."""

    def __init__(self, data: DataSet | None, contract: Contract) -> None:
        self._data = data
        self._preprocessing = contract.preprocessing
        self._used: dict[str, str] = {}
        self._skipped: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._data) if self._data else 0

    def start(self) -> Iterator[np.ndarray]:
        """A fresh pass: float32 (1, height, width, channels) each."""
        if self._data is None:
            return
        table = input_table(self._preprocessing, np.dtype(np.float32), 0, 0)
        for example, picture in readable(
            self._data, lambda example, why: self._skipped.update({example.name: str(why)})
        ):
            if example.name not in self._used:
                self._used[example.name] = example.sha256()
            yield apply_table(fit(picture, self._preprocessing), table)

    def record(self, calibration: Calibration) -> CalibrationSet:
        """What the contract says of it: every picture's name and digest, and one digest of the list."""
        used = {printable(name): digest for name, digest in sorted(self._used.items())}
        return CalibrationSet(
            data=calibration.data if calibration.data.startswith("photos") else Path(calibration.data).name,
            samples=len(used),
            seed=calibration.seed,
            sha256=sha256("".join(f"{digest}  {name}\n" for name, digest in used.items()).encode()),
            pictures={name: digest[:16] for name, digest in used.items()},
            skipped=tuple(sorted(self._skipped)),
        )


class _Improvement:
    """Calibration and improvement in one, done when a scheme asks for it; remembers what was done."""

    def __init__(self, model: FloatModel, inputs: _Inputs, level: str, progress: Progress) -> None:
        self._model = model
        self._pictures = Pictures(inputs.start, len(inputs))
        self._level = level
        self._progress = progress
        self.account: dict[str, Any] = {}

    def prepare(self, per_channel: bool) -> tuple[bytes, Ranges]:
        """See `Job.prepare`."""
        found = improve(
            self._model.float32, self._pictures, self._level, per_channel=per_channel, progress=self._progress
        )
        self.account = found.account
        self._progress("Quantizing", 0, 0)
        return found.model, found.ranges


def _versions() -> dict[str, str]:
    return {"edgecnn": __version__, "tensorflow": importlib.metadata.version("tensorflow")}


def _golden(graph: bytes, contract: Contract) -> Golden:
    sealed = model_file.from_bytes(artifact.seal(graph, contract), "the converted model")
    try:
        return golden.make(Engine(sealed))
    except OutputValueError as error:
        raise QuantizationError(f"The converted model can't be used: {error}") from error
    except ModelFileError as error:
        raise QuantizationError(
            f"TensorFlow converted the model to a file that TFLite can't run: {error} Weights or "
            "activations that are nearly all zero are a common cause: check the trained model."
        ) from error
