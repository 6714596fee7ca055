"""Converts a quantization-aware model to a `.tflite` that gives the same answers, or raises an error."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import QuantizationError
from edgecnn.float_model.loading import TraceableModel
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph.layer_names import mentioned
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.quantization import quantize
from edgecnn.runtime.model.records import QatRecord
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.run.interpreter import open_interpreter
from edgecnn.tasks import task_of
from edgecnn.training.qat.emulation import INPUT, Emulation

AGREEMENT = 0.99
"""Share of images with the same answer, at least."""
DIFFERS = 0.2
"""A layer differs when its mean error is this share of its standard deviation."""


def record(emulation: Emulation, model: Any) -> QatRecord:
    """What the contract of a quantization-aware model says: the ranges, and the weights that they belong to."""
    return QatRecord({name: (low, high) for name, (low, high) in emulation.ranges().items()}, _digest(model))


def _digest(model: Any) -> str:
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Aware:
    """A float model with the ranges that it was trained with."""

    model: Any
    contract: Contract
    ranges: dict[str, tuple[float, float]]

    @classmethod
    def find(cls, source: TraceableModel) -> Aware | None:
        """The source as a quantization-aware model; None if it is none, or its weights were changed since."""
        found = source.contract.model.qat
        if found is None or source.keras_model is None or found.weights != _digest(source.keras_model):
            return None
        return cls(source.keras_model, source.contract, found.ranges)

    def convert(self, io: str, inputs: Iterable[np.ndarray]) -> bytes:
        """The full-integer `.tflite`, with the ranges that the model was trained with.

        Args:
            io: type of its input and output: "uint8", "int8" or "float32".
            inputs: float32 (1, height, width, channels), to compare on.

        Raises:
            QuantizationError: it doesn't agree with the Keras model.
        """
        emulation = Emulation.of(self.model, kernels=False)
        emulation.set_ranges(self.ranges)
        source = TraceableModel(self._deployed(emulation.model), self.contract, emulation.model)
        graph = FloatModel.trace(source).with_own_ranges(io)
        twin = Emulation.of(self.model)
        twin.set_ranges(self.ranges)
        check(twin, graph, list(inputs), self._deployed(twin.model), self.contract)
        return graph

    def _deployed(self, model: Any) -> Callable[[Any], Any]:
        """With what the task leaves to the loss, as in the contract."""
        task = task_of(self.contract)
        trained = self.contract.replace(output=task.trained_output)
        call, _ = task.deployed(lambda image: model(image, training=False), trained)
        return call


def check(
    twin: Emulation,
    graph: bytes,
    inputs: list[np.ndarray],
    call: Callable[[Any], Any] | None = None,
    contract: Contract | None = None,
) -> float:
    """Compare a converted model with the Keras model that it was made of; returns the share of equal answers.

    Args:
        twin: the Keras model.
        graph: the converted model.
        inputs: float32 (1, height, width, channels).
        call: the Keras model as it was converted; by default as it is.
        contract: of the converted model; needed where it has several outputs.

    Raises:
        QuantizationError: the share is below `AGREEMENT`; the message names the first layer that differs.
    """
    run = tf.function(call or functools.partial(twin.model, training=False), reduce_retracing=True)
    lite = _Lite(graph)
    share = float(np.mean([_same(lite, run(tensor), tensor, contract) for tensor in inputs]))
    if share < AGREEMENT:
        raise QuantizationError(
            f"The int8 model agrees with the quantization-aware Keras model on only {100 * share:.1f} % of "
            f"{len(inputs)} images; expected {100 * AGREEMENT:.0f} %. {_first_difference(twin, graph, inputs[0])} "
            "Train longer with --qat, or quantize the model from before quantization-aware training."
        )
    return share


def _same(lite: _Lite, expected: Any, tensor: np.ndarray, contract: Contract | None) -> bool:
    """For one image; a class that shares the first place wins, as rounded scores do."""
    if not isinstance(expected, (list, tuple)):
        return lite.answers(tensor, int(np.argmax(expected[0])))
    assert contract is not None
    task = task_of(contract)
    wanted = task.compared([values.numpy()[0] for values in expected], contract)
    found = task.compared([values[0] for values in lite.outputs(tensor)], contract)
    return task.agrees(wanted, found, contract)


def _first_difference(twin: Emulation, graph: bytes, tensor: np.ndarray) -> str:
    names = [name for name in twin.ranges() if name != INPUT and len(twin.model.get_layer(name).inbound_nodes) == 1]
    outputs = [twin.model.get_layer(name).output for name in names]
    values = keras.Model(twin.model.inputs, outputs).predict(tensor, verbose=0)
    lite = _Lite(graph, keep=True)
    lite.run(tensor)
    for name, wanted in zip(names, values):
        found = lite.activation(twin.fused[name])
        if found is None or found.size != wanted.size:
            continue
        error = float(np.abs(found.reshape(-1) - wanted.reshape(-1)).mean())
        if error > DIFFERS * max(float(wanted.std()), 1e-6):
            share = error / max(float(wanted.std()), 1e-6)
            return f"The first layer that differs is {name}, by {share:.2f} standard deviations on average."
    return "No single layer stands out: small differences add up."


class _Lite:
    """A converted model, by float numbers."""

    def __init__(self, graph: bytes, *, keep: bool = False) -> None:
        self._interpreter = open_interpreter(graph, experimental_preserve_all_tensors=keep)
        self._graph = parse(graph).graph
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = [details["index"] for details in self._interpreter.get_output_details()]

    def run(self, tensor: np.ndarray) -> np.ndarray:
        """float32 (1, height, width, channels) -> float32 (classes,)."""
        return self.outputs(tensor)[0].reshape(-1)

    def outputs(self, tensor: np.ndarray) -> list[np.ndarray]:
        """float32 (1, height, width, channels) -> all outputs, float32 (1, ...)."""
        scale, zero = self._input["quantization"]
        if scale:
            tensor = quantize(tensor, scale, zero, self._input["dtype"])
        self._interpreter.set_tensor(self._input["index"], tensor)
        self._interpreter.invoke()
        return [self._real(number) for number in self._outputs]

    def answers(self, tensor: np.ndarray, wanted: int) -> bool:
        """Whether a class wins; also when it shares the first place, as rounded scores do."""
        scores = self.run(tensor)
        return bool(scores[wanted] >= scores.max())

    def activation(self, layers: Iterable[str]) -> np.ndarray | None:
        """What the last of some fused layers gave; the converter names a tensor after one or several of them."""
        wanted = set(layers)
        matching = [operator for operator in self._graph.operators if wanted & mentioned(self._graph, operator)]
        return self._real(matching[-1].outputs[0]) if matching else None

    def _real(self, tensor: int) -> np.ndarray:
        return self._graph.tensors[tensor].dequantize(self._interpreter.get_tensor(tensor))
