"""A float model as one frozen graph, to look at what it does first and last.

Layers' names, nesting and file formats don't matter then. Branches become operations of the graph: as functions they
would have the names of the model's own, and the end of the frozen graph would take those away from the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgecnn.core.compat.converter import frozen
from edgecnn.core.compat.tensorflow import tf
from edgecnn.runtime.model.output_kind import SIGMOID, SOFTMAX, UNKNOWN
from edgecnn.runtime.run.interpreter import quiet

_FORMAT = (
    "Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "Cast", "StopGradient", "EnsureShape",
    "CheckNumerics", "PreventGradient", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxArgs",
)  # fmt: skip
_PARTS = ("StridedSlice", "Slice", "ConcatV2", "GatherV2", "Pack")
_MOST_STEPS = 100


def failures() -> tuple[type[Exception], ...]:
    """What is raised for a graph that can't be frozen or cut."""
    return (tf.errors.OpError, ValueError, TypeError, KeyError, AttributeError)


def freeze(call: Callable[[Any], Any], shape: tuple[int, int, int]) -> Any:
    """The frozen concrete function of a model that takes float32 (1, *shape); None if it can't be frozen."""
    try:
        with quiet():
            return frozen(tf.function(call).get_concrete_function(tf.TensorSpec((1, *shape), tf.float32, name="image")))
    except failures():
        return None


def output_activation(graph: Any) -> str:
    """What the only output of a frozen graph passes through last, see `runtime.model.output_kind`."""
    outputs = list(graph.outputs) if graph is not None else []
    return _activation(outputs[0], 0) if len(outputs) == 1 else UNKNOWN


def _activation(tensor: Any, steps: int) -> str:
    operation = tensor.op
    if operation.type in ("Softmax", "Sigmoid"):
        return SOFTMAX if operation.type == "Softmax" else SIGMOID
    if steps > _MOST_STEPS or not operation.inputs:
        return UNKNOWN
    if operation.type in _FORMAT:
        place = tensor.value_index if operation.type == "IdentityN" else 0
        return _activation(operation.inputs[place], steps + 1)
    if operation.type in _PARTS:
        read = [each for each in operation.inputs if each.op.type != "Const" and each.dtype.is_floating]
        return SIGMOID if read and all(_activation(each, steps + 1) for each in read) else UNKNOWN
    return UNKNOWN


def images_of(graph: Any) -> Any:
    """The tensor that the image comes in by."""
    return next(each for each in graph.inputs if each.dtype != tf.resource)


def constant_image(shape: tuple[int, int, int], value: float) -> Any:
    """An image of one value, float32 (1, *shape)."""
    return tf.fill((1, *shape), np.float32(value))
