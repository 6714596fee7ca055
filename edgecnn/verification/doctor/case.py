"""The diagnosis context: both models, the images, the measurements, and a way to try a remedy."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgecnn import artifact
from edgecnn.core.errors import DataError, UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.core.statistics import sqnr_db
from edgecnn.data import DataSet, Example, open_data, readable
from edgecnn.float_model.loading import TraceableModel, from_model, load
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph.edit import Ranges
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.graph.ranges import activation_ranges
from edgecnn.graph.replay import float_outputs
from edgecnn.graph.simulation import Simulation
from edgecnn.quantization.levels import Pictures, improve
from edgecnn.quantization.observation import observe_channels
from edgecnn.quantization.remedies.equalization import Channels
from edgecnn.quantization.scheme import quantize_with_ranges
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.validation import Record
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import apply_table, fit, input_table
from edgecnn.runtime.tasks import Outputs, check_finite
from edgecnn.tasks import task_of
from edgecnn.verification.doctor.layers import LayerNoise

_IN_FLOAT = ("float16", "float32", "float32_sparse")
LEAST_PICTURES = 8


@dataclass(frozen=True)
class Finding(Record):
    """One cause.

    Attributes:
        cause: its name, that of the file in `causes/`.
        summary: one sentence.
        evidence: the numbers that speak for it.
        remedy: what to do, as a person would type it.
        layer: the Keras layer that shows it most; empty if it concerns the whole model.
        before_snr_db: of the artifact, on images that the remedy wasn't calibrated on.
        after_snr_db: with the remedy; None if it can't be tried here.
    """

    cause: str
    summary: str
    evidence: str
    remedy: str
    layer: str = ""
    before_snr_db: float = 0.0
    after_snr_db: float | None = None

    @property
    def gain_db(self) -> float:
        """What the remedy gains; 0 where it could not be tried."""
        return 0.0 if self.after_snr_db is None else self.after_snr_db - self.before_snr_db


@dataclass
class Case:
    """The diagnosis context.

    Attributes:
        file: the artifact, without what its task puts behind the network.
        source: the float model, as its task has it converted.
        shown: fitted images that are measured on, uint8 (n, height, width, channels), as the float model wants them.
        spare: as many others, that remedies may calibrate on.
        labels: the class of each spare image, None where it has none.
        seen: the images that the artifact was calibrated on; none if they can't be told and read.
        seen_label: their class, if it is one alone out of several.
        data: all of these pictures, as they were given.
        layers: what `layer_noise` found.
    """

    file: ModelFile
    source: TraceableModel
    shown: np.ndarray
    spare: np.ndarray
    labels: list[str | None]
    seen: np.ndarray
    seen_label: str | None = None
    data: DataSet | None = None
    layers: list[LayerNoise] = dataclasses.field(default_factory=list)

    @classmethod
    def open(
        cls, file: ModelFile, against: Any, data: DataSet, *, hints: Hints = NO_HINTS, trust: bool = False
    ) -> Case:
        """Read the images and the float model.

        Raises:
            DataError: there are too few images to measure on some and calibrate on others.
            UsageError: the artifact calculates in float: there is nothing to diagnose.
        """
        if file.contract.provenance.scheme in _IN_FLOAT:
            raise UsageError(
                f"{file.name} is {file.contract.provenance.scheme}: its activations are float, so that no layer adds "
                "noise of its own. The doctor diagnoses schemes of integers; use verify."
            )
        if isinstance(against, (str, Path)):
            source = load(against, trust=trust, hints=hints, like=file.contract)
        else:
            source = (
                from_model(against[0], against[1], hints)
                if isinstance(against, tuple)
                else from_model(against, file.contract, hints)
            )
        task = task_of(source.contract)
        call, contract = task.deployed(source.call, source.contract)
        source = dataclasses.replace(source, call=call, contract=contract)
        read = [(example, picture) for example, picture in readable(data, lambda example, why: None)]
        if len(read) < LEAST_PICTURES:
            raise DataError(
                f"{data.name} has {len(read)} readable images; expected at least {LEAST_PICTURES}. Give more images, "
                "or more --samples of them."
            )
        fitted = np.stack([fit(picture, source.contract.preprocessing) for _, picture in read])
        examples = [example for example, _ in read]
        labels = [example.label for example in examples[1::2]]
        seen, seen_label = _calibrated_on(file, examples, fitted, source.contract.preprocessing)
        return cls(_unfinished(file), source, fitted[::2], fitted[1::2], labels, seen, seen_label, data)

    @functools.cached_property
    def float_model(self) -> bytes:
        """The float `.tflite`."""
        return FloatModel.trace(self.source).float32

    @functools.cached_property
    def network(self) -> FloatGraph:
        """The float network; not to be changed."""
        return FloatGraph(self.float_model)

    @property
    def level(self) -> str:
        """How the artifact was improved."""
        improve = self.file.contract.provenance.improve
        return improve.level if improve else "none"

    @functools.cached_property
    def simulation(self) -> Simulation:
        """Both networks over the first of the shown images."""
        images = self.tensors(self.shown[:LEAST_PICTURES])
        return Simulation(self.network, self.file.model.graph, images, self.measured)

    def measured(self, outputs: Outputs, expected: Outputs) -> np.ndarray:
        """What noise is measured on, (images, n), by the task; of a classifier the scores."""
        return task_of(self.source.contract).measured(outputs, expected, self.source.contract)

    @functools.cached_property
    def channels(self) -> dict[int, Channels]:
        """What each channel holds over the spare images."""
        return observe_channels(self.network, self.tensors(self.spare))

    def tensors(self, fitted: np.ndarray, preprocessing: Preprocessing | None = None) -> np.ndarray:
        """Input tensors of fitted images, float32, as the float model's contract (or another one) says."""
        table = input_table(preprocessing or self.source.contract.preprocessing, np.dtype(np.float32), 0, 0)
        return np.concatenate([apply_table(picture, table) for picture in fitted])

    def ranges(self, tensors: np.ndarray) -> Ranges:
        """(min, max) of every activation over these input tensors."""
        return activation_ranges(self.float_model, (tensor[np.newaxis] for tensor in tensors))

    @functools.cached_property
    def expected(self) -> list[np.ndarray]:
        """The float network's outputs for the shown images, each (n, ...)."""
        outputs = float_outputs(self.float_model, self.tensors(self.shown))
        check_finite(outputs, "The float model's")
        return outputs

    @functools.cached_property
    def before_snr_db(self) -> float:
        """Of the artifact as it is, fed as its own contract says."""
        return self._snr_db(self.file, self.shown)

    def after_snr_db(self, *, level: str = "none", per_channel: bool = True, model: bytes | None = None) -> float:
        """Quantize anew, calibrated on the spare images, and measure on the shown ones."""
        tensors = self.tensors(self.spare)

        def start() -> Iterator[np.ndarray]:
            return (tensor[np.newaxis] for tensor in tensors)

        found = improve(model or self.float_model, Pictures(start, len(tensors)), level, per_channel=per_channel)
        graph = quantize_with_ranges(found.model, found.ranges, "uint8", per_channel=per_channel)
        sealed = artifact.seal(graph, self.source.contract.replace(golden=None))
        return self._snr_db(model_file.from_bytes(sealed), self.shown)

    def _snr_db(self, file: ModelFile, fitted: np.ndarray) -> float:
        engine = Engine(file)
        ordered = fitted
        ours, its = self.source.contract.preprocessing.color, file.contract.preprocessing.color
        if {ours, its} == {"rgb", "bgr"}:
            ordered = fitted[..., ::-1]
        each = [engine.real(engine.invoke(engine.tensor(picture))) for picture in ordered]
        outputs = [np.stack(values) for values in zip(*each)]
        check_finite(outputs, "The artifact's")
        expected = [values.reshape(found.shape) for values, found in zip(self.expected, outputs)]
        return sqnr_db(self.measured(expected, expected), self.measured(outputs, expected))

    def layer_of(self, tensor: int) -> str:
        """The Keras layer that an activation belongs to."""
        return next(pair.layer_name for pair in self.simulation.pairs if pair.output == tensor)


def _unfinished(file: ModelFile) -> ModelFile:
    graph, contract = task_of(file.contract).unfinished(artifact.graph_bytes(file), file.contract)
    if contract is file.contract:
        return file
    return model_file.from_bytes(artifact.seal(graph, contract.replace(golden=None)), file.name)


def _calibrated_on(
    file: ModelFile, examples: Sequence[Example], fitted: np.ndarray, ours: Preprocessing
) -> tuple[np.ndarray, str | None]:
    """The images of the contract's calibration list, from these data or the photographs, and their only class."""
    calibration = file.contract.provenance.calibration
    digests = set(calibration.pictures.values()) if calibration else set()
    found = [number for number, example in enumerate(examples) if example.sha256()[:16] in digests]
    if digests and len(found) == len(digests):
        labels = {examples[number].label for number in found}
        several = len({example.label for example in examples}) > 1
        return fitted[found], next(iter(labels)) if len(labels) == 1 and several else None
    if calibration and calibration.data.startswith("photos"):
        named = [example for example in open_data(calibration.data).examples if example.sha256()[:16] in digests]
        if named:
            return np.stack([fit(example.read(), ours) for example in named]), None
    return fitted[:0], None


class Cause(Protocol):
    """A file of `edgecnn/verification/doctor/causes/`: one thing that can be wrong with an int8 model."""

    def examine(self, case: Case) -> Finding | None:
        """What was found, with the evidence and the remedy; None where it isn't that."""
