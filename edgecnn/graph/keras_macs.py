"""Multiply-accumulates of a Keras model for one image, counted from the graph's shapes.

Counted as papers count: convolutions, dense layers and the two matrix products of attention, without biases, norms,
activations and pooling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from edgecnn.core.compat import keras_graph

Shape = tuple[int, ...]


def per_layer(model: Any) -> dict[str, int]:
    """Layer name -> multiply-accumulates of all of its calls, in the model's order; layers without any are left out.

    Raises:
        ValueError: the model's height or width is not fixed.
    """
    counted: dict[str, int] = {}
    for node in keras_graph.nodes(model):
        layer = node.layer
        if type(layer).__name__ not in _COUNTERS:
            continue
        given, result = (tuple(tensors[0].shape[1:]) for tensors in (node.keras_inputs, keras_graph.outputs(node)))
        if None in (*given, *result):
            raise ValueError(
                f"{layer.name} has the shape {result}; expected a fixed shape. Build it with an input size."
            )
        counted[layer.name] = counted.get(layer.name, 0) + of_layer(layer, given, result)
    return {layer.name: counted[layer.name] for layer in model.layers if layer.name in counted}


def of_layer(layer: Any, given: Shape, result: Shape) -> int:
    """Multiply-accumulates of one call of a layer, from its first input's and its output's shape without the batch."""
    count = _COUNTERS.get(type(layer).__name__)
    return count(layer, given, result) if count else 0


def total(model: Any) -> int:
    """Multiply-accumulates of the whole model for one image."""
    return sum(per_layer(model).values())


def _convolution(layer: Any, given: Shape, result: Shape) -> int:
    return math.prod((*result, *layer.kernel_size, given[-1] // int(layer.groups)))


def _depthwise(layer: Any, given: Shape, result: Shape) -> int:
    return math.prod((*result, *layer.kernel_size))


def _separable(layer: Any, given: Shape, result: Shape) -> int:
    depthwise = given[-1] * int(layer.depth_multiplier)
    return math.prod(result[:-1]) * depthwise * (math.prod(map(int, layer.kernel_size)) + result[-1])


def _dense(layer: Any, given: Shape, result: Shape) -> int:
    return math.prod(result) * given[-1]


def _attention(layer: Any, given: Shape, result: Shape) -> int:
    """Every query times every key, and its weights times every value."""
    keys = layer.get_input_shape_at(0)[1][1]
    return 2 * math.prod(given) * int(keys)


_COUNTERS: dict[str, Callable[[Any, Shape, Shape], int]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "Dense": _dense,
    "Attention": _attention,
}
