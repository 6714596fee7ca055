"""The stage itself."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import __version__, artifact
from edgecnn.data import DataSet, open_data, readable
from edgecnn.errors import ModelFileError, QuantizationError, UsageError
from edgecnn.files import sha256
from edgecnn.progress import Progress, silent
from edgecnn.quantize import _refusals, _source
from edgecnn.quantize._aware import Aware
from edgecnn.quantize._float_model import FloatModel
from edgecnn.quantize._ranges import activation_ranges
from edgecnn.quantize._scheme import Job
from edgecnn.quantize._source import Hints, Source
from edgecnn.registry import SCHEMES
from edgecnn.runtime import golden, model_file
from edgecnn.runtime.contract import Contract
from edgecnn.runtime.engine import Engine
from edgecnn.runtime.model_file import ModelFile
from edgecnn.runtime.preprocess import apply_table, fit, input_table


@dataclass(frozen=True)
class Calibration:
    """Which pictures show the converter the ranges of activations.

    Attributes:
        data: any DATA.
        samples: how many of its pictures.
        seed: of their choice.
    """

    data: str = "photos"
    samples: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"Calibration needs at least 1 picture; got --samples {self.samples}. 100 is usual.")


def quantize(
    model: Any,
    output: str | Path,
    *,
    scheme: str = "int8",
    calibration: Calibration | str = Calibration(),
    io: str | None = None,
    trust: bool = False,
    hints: Hints | None = None,
    progress: Progress = silent,
) -> ModelFile:
    """Convert a model and write the artifact.

    Args:
        model: a `.keras`, `.h5` or SavedModel path, a Keras model, or a pair (Keras model, Contract).
        output: the `.tflite` file to write, whole or not at all.
        scheme: a file of `edgecnn/quantize/schemes/`.
        calibration: a `Calibration`, or just its DATA.
        io: type of the input and output tensors; None takes the scheme's first.
        trust: run code that a model file carries.
        hints: what is known of a model by others.
        progress: called with (stage, done, total).

    Raises:
        QuantizationError: the model can't be converted, or would fail on the board.
        UsageError: the scheme is unknown or doesn't go with `io`.
        DataError: the calibration data can't be read.
    """
    plugin = SCHEMES.load(scheme)
    io = _checked_io(scheme, plugin.IO, io)
    _check_output(output)
    calibration = Calibration(calibration) if isinstance(calibration, str) else calibration
    data = open_data(calibration.data).sample(calibration.samples, calibration.seed) if plugin.CALIBRATED else None
    progress("Loading the model", 0, 0)
    source = _open(model, trust, hints)
    progress("Converting to float", 0, 0)
    float_model = FloatModel.trace(source)
    inputs = _Inputs(data, source.contract)
    aware = Aware.find(source)
    job = Job(float_model, io, inputs.start, lambda: _calibrate(float_model, inputs, progress), aware)
    graph = plugin.convert(job)
    _refusals.check(graph, integer=plugin.INTEGER)
    provenance = {
        **source.contract.provenance,
        **_versions(),
        "scheme": scheme,
        "io": io,
        "float_sha256": sha256(float_model.float32),
        "float_size_bytes": len(float_model.float32),
    }
    if data is not None:
        provenance["calibration"] = inputs.account(calibration)
    described = {key: value for key, value in source.contract.model.items() if key != "qat"}  # the graph has the ranges
    contract = source.contract.replace(provenance={**provenance, "qat": aware is not None}, model=described)
    progress("Writing golden vectors", 0, 0)
    return artifact.write(output, graph, contract.replace(golden=_golden(graph, contract)))


def _checked_io(scheme: str, choices: tuple[str, ...], io: str | None) -> str:
    if io is not None and io not in choices:
        raise UsageError(f"The scheme {scheme} has no {io} input; choose one of: {', '.join(choices)}.")
    return io or choices[0]


def _check_output(output: str | Path) -> None:
    if Path(output).suffix != ".tflite":
        raise UsageError(f"The output is {str(output)!r}; expected a name that ends in .tflite.")


def _open(model: Any, trust: bool, hints: Hints | None) -> Source:
    if isinstance(model, (str, Path)):
        return _source.load(model, trust=trust, hints=hints)
    if isinstance(model, tuple):
        keras_model, contract = model
        return _source.from_model(keras_model, contract, hints)
    return _source.from_model(model, None, hints)


class _Inputs:
    """The calibration pictures as input tensors, by the runtime's own preprocessing; remembers what was used."""

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

    def account(self, calibration: Calibration) -> dict[str, Any]:
        """What the contract says of it: every picture's name and digest, and one digest of the list."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._used.items()))
        return {
            "data": calibration.data if calibration.data.startswith("photos") else Path(calibration.data).name,
            "samples": len(self._used),
            "seed": calibration.seed,
            "sha256": sha256(lines.encode()),
            "pictures": {name: digest[:16] for name, digest in sorted(self._used.items())},
            "skipped": sorted(self._skipped),
        }


def _calibrate(model: FloatModel, inputs: _Inputs, progress: Progress) -> Any:
    total = len(inputs)
    ranges = activation_ranges(model.float32, inputs.start(), lambda done: progress("Calibrating", done, total))
    progress("Quantizing", 0, 0)
    return ranges


def _versions() -> dict[str, str]:
    return {"edgecnn": __version__, "tensorflow": importlib.metadata.version("tensorflow")}


def _golden(graph: bytes, contract: Contract) -> dict[str, Any]:
    sealed = model_file.from_bytes(artifact.seal(graph, contract), "the converted model")
    try:
        return golden.make(Engine(sealed))
    except ModelFileError as error:
        raise QuantizationError(
            f"TensorFlow converted the model to something that TFLite can't run: {error} "
            "Weights or activations that are nearly all zero are a usual cause."
        ) from error
