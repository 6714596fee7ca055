"""Measures how a float model scales its input before the first weights, whichever layers or operations do it.

The model is traced and frozen; the tensor that its first convolution or dense layer reads is cut out, and images of one
value are given to it. Layers' names, nesting and file formats don't matter then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.float_model.frozen_graph import constant_image, failures, freeze, images_of
from edgecnn.runtime.model.input_range import PIXELS, InputRange, expected_range
from edgecnn.runtime.run.interpreter import quiet

_WEIGHTED = (
    "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "BatchMatMul", "BatchMatMulV2",
    "BatchMatMulV3", "Einsum", "XlaConvV2",
)  # fmt: skip
_COLOR_MATRIX = 9  # so few weights are one of colors, as of rgb_to_grayscale


def input_range(call: Callable[[Any], Any], shape: tuple[int, int, int], dtype: Any = None) -> InputRange | None:
    """The range of pixel values that a model's input expects, from its arithmetic before the first weights.

    Args:
        call: float32 (1, *shape) -> the outputs.
        shape: (height, width, channels).
        dtype: the type that the model declares for its input.

    Returns:
        None if the arithmetic doesn't tell: the model scales nothing, or it can't be frozen.
    """
    return range_of(freeze(call, shape), shape, dtype)


def range_of(graph: Any, shape: tuple[int, int, int], dtype: Any = None) -> InputRange | None:
    """The same of a frozen graph, or None."""
    if dtype is not None and tf.as_dtype(dtype).is_integer:
        return PIXELS
    try:
        with quiet():
            before = _before_weights(graph) if graph is not None else None
            if before is None:
                return None
            return expected_range(lambda value: _typical(before(constant_image(shape, value))))
    except failures():
        return None


def _typical(found: Any) -> float:
    """Of the tensor; padding at the borders and further channels don't move a median per channel."""
    values = np.asarray(found[0] if isinstance(found, (list, tuple)) else found, np.float64)
    channels = values.shape[-1] if values.ndim == 4 and values.shape[-1] <= 4 else 1
    return float(np.median(values.reshape(-1, channels), axis=0).mean())


def _before_weights(graph: Any) -> Any:
    """A function from the input to what the first weighted operation reads; None if there is none."""
    image = images_of(graph)
    first = next(_weighted(image), None)
    return None if first is None else graph.prune(image, first)


def _weighted(image: Any) -> Iterator[Any]:
    """The tensors of the image that weighted operations read, breadth first."""
    waiting, seen = [image], {image.ref()}
    while waiting:
        tensor = waiting.pop(0)
        for operation in tensor.consumers():
            if operation.type in _WEIGHTED and not _is_color_matrix(operation):
                yield tensor
            for output in operation.outputs:
                if output.ref() not in seen:
                    seen.add(output.ref())
                    waiting.append(output)


def _is_color_matrix(operation: Any) -> bool:
    sizes = [each.shape.num_elements() for each in operation.inputs]
    return operation.type == "MatMul" and any(size is not None and size <= _COLOR_MATRIX for size in sizes)
