"""A float `.tflite` as a function of TensorFlow operations, which gives the outputs that LiteRT gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from edgecnn.core.compat.litert_schema import unpack
from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import ModelFileError
from edgecnn.float_model.tflite.constants import with_float_weights
from edgecnn.float_model.tflite.node import Node
from edgecnn.float_model.tflite.operations import OPERATIONS
from edgecnn.runtime.model.graph import Graph, Operator
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import input_table

TOLERANCE = 1e-3
"""Largest difference from LiteRT's outputs, relative to the largest of them: kernels add up in another order."""
_SEED = 7


def rebuilt(file: ModelFile) -> Callable[[Any], Any]:
    """The model as a function of one image, float32 (1, height, width, channels) -> the output, or a list of several.

    Args:
        file: a float `.tflite`: float32, float16 or dynamic-range weights.

    Raises:
        ModelFileError: it computes in integers, has operators that the table lacks (all are named), is damaged, or its
            rebuilt form gives other outputs than LiteRT.
        CrashError: LiteRT crashes on it.
    """
    data = with_float_weights(file.data, file.name)
    file = dataclasses.replace(file, data=data, model=parse(data, file.name))
    refuse_unknown(file.model.graph, file.name)
    guard.try_out(file)
    # AutoGraph has nothing to convert here, and would put the code's lines in front of every message.
    call: Callable[[Any], Any] = tf.autograph.experimental.do_not_convert(Rebuilt(data, file.name).__call__)
    _compare(file, call)
    return call


def refuse_unknown(graph: Graph, name: str) -> None:
    """Name all operators that can't be rebuilt.

    Raises:
        ModelFileError: there are such.
    """
    unknown = sorted({operator.name for operator in graph.operators} - set(OPERATIONS))
    if unknown:
        raise ModelFileError(
            f"{name} has operators that edgecnn can't rebuild as float ones: {', '.join(unknown)}. Quantize the "
            "model that it was converted from (.keras or a SavedModel), or remove these operators."
        )


class Rebuilt:
    """The function itself; what doesn't depend on the image is computed once.

    Args:
        data: a `.tflite` with one input and float constants, all of whose operators are in the table.
        name: for messages.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._name, self._graph = name, parse(data, name).graph
        self._options = [operator.builtinOptions for operator in unpack(data).subgraphs[0].operators]
        self._constants = {tensor.index: tensor.values() for tensor in self._graph.tensors if tensor.is_constant}
        self._steps: list[Operator] = []
        for operator in self._graph.operators:
            if operator.inputs and all(number in self._constants for number in operator.inputs if number >= 0):
                found = self._outputs(operator, self._constants)
                self._constants.update((number, np.asarray(value)) for number, value in found.items())
            else:
                self._steps.append(operator)

    def __call__(self, image: Any) -> Any:
        """float32 (1, height, width, channels) -> the output, or a list of several."""
        graph = self._graph
        values: dict[int, Any] = dict(self._constants)
        values[graph.inputs[0]] = tf.cast(image, graph.tensors[graph.inputs[0]].dtype.lower())
        for operator in self._steps:
            values.update(self._outputs(operator, values))
        missing = [number for number in graph.outputs if number not in values]
        if missing:
            raise ModelFileError(f"{self._name} is damaged: no operator computes its output {missing[0]}.")
        outputs = [values[number] for number in graph.outputs]
        return outputs[0] if len(outputs) == 1 else outputs

    def _outputs(self, operator: Operator, values: dict[int, Any]) -> dict[int, Any]:
        try:
            inputs = tuple(None if number < 0 else values[number] for number in operator.inputs)
            node = Node(inputs, len(operator.outputs), self._options[operator.index])
            found = OPERATIONS[operator.name](node)
            return dict(zip(operator.outputs, found if isinstance(found, (list, tuple)) else [found], strict=True))
        except (tf.errors.OpError, ModelFileError, ValueError, TypeError, LookupError, AttributeError) as error:
            name = self._graph.tensors[operator.outputs[0]].name if operator.outputs else "no output"
            raise ModelFileError(
                f"{self._name}: the operator {operator.name} ({name}) can't be rebuilt: {_reason(error)}."
            ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"nothing computes its input {error}"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")


def _compare(file: ModelFile, model: Callable[[Any], Any]) -> None:
    """Both on a random image, prepared as the contract says."""
    engine = Engine(file)
    preprocessing = file.contract.preprocessing
    picture = np.random.default_rng(_SEED).integers(0, 256, preprocessing.shape, np.uint8)
    table = input_table(preprocessing, np.dtype(np.float32), 0, 0)
    image = table[picture, np.arange(table.shape[1])][None]
    try:
        found = tf.function(model)(tf.constant(image))
    except tf.errors.OpError as error:
        raise ModelFileError(f"{file.name}: the rebuilt model can't be run by TensorFlow: {_reason(error)}.") from error
    expected = engine.real(engine.invoke(image.astype(engine.input.dtype)))
    for ours, theirs in zip(found if isinstance(found, list) else [found], expected):
        _compare_output(ours.numpy().reshape(-1), theirs.reshape(-1), file.name)


def _compare_output(ours: np.ndarray, theirs: np.ndarray, name: str) -> None:
    if not np.isfinite(theirs).all():
        raise ModelFileError(
            f"{name} gives NaN or infinity for a random image; expected finite outputs. Export it again."
        )
    difference, largest = float(np.abs(ours - theirs).max()), float(np.abs(theirs).max())
    if not difference <= TOLERANCE * largest:
        raise ModelFileError(
            f"{name}: the rebuilt model's outputs differ from LiteRT's by {difference:.2g} where the largest is "
            f"{largest:.2g}. Quantize the model that it was converted from, and please report the file."
        )
