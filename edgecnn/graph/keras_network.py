"""A Keras model as a `Network`. Nested models are taken apart; a layer that is called twice appears twice.

A layer class of ours may say how it mixes positions, with a class attribute `mixing` (see `edgecnn.graph.network`).
"""

from __future__ import annotations

import math
from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.graph import keras_macs, roles
from edgecnn.graph.cost import Cost
from edgecnn.graph.layer_kinds import LayerKind, kind_of
from edgecnn.graph.network import Layer, Network, Value, Window, window
from edgecnn.runtime.errors import ModelFileError

_FLOAT_BYTES = 4
_POINT_MATH = """
abs add ceil divide divide_no_nan exp expm1 floor log log1p log_sigmoid maximum minimum multiply negative pow
reciprocal round rsqrt sigmoid sign softplus softsign sqrt square squared_difference subtract tanh truediv
"""
_POINT_NN = "bias_add elu gelu leaky_relu log_softmax relu relu6 selu sigmoid silu softmax softplus softsign swish tanh"
_POINT_OPERATIONS = frozenset(
    [f"math.{name}" for name in _POINT_MATH.split()]
    + [f"nn.{name}" for name in _POINT_NN.split()]
    + [
        "__operators__.add",
        "clip_by_value",
        "stop_gradient",
        "reshape",
        "transpose",
        "expand_dims",
        "squeeze",
        "cast",
        "concat",
    ]
)


def read(model: Any) -> Network:
    """A built Keras model with fixed input size.

    Raises:
        ModelFileError: it is no functional or sequential model, or a size is not fixed.
    """
    if not keras_graph.is_functional(model):
        raise ModelFileError(
            f"{model.name} is a subclassed Keras model; expected a functional or sequential one. Convert it to "
            ".tflite first."
        )
    reader = _Reader()
    scope: dict[int, int] = {}
    inputs = tuple(reader.value(tensor, scope) for tensor in model.inputs)
    reader.walk(model, scope)
    outputs = tuple(scope[id(tensor)] for tensor in model.outputs)
    values = {value.number: value for value in reader.values}
    total = model.count_params()
    return Network(model.name, "keras", tuple(reader.layers), values, inputs, outputs, total, total * _FLOAT_BYTES)


class _Reader:
    """Collects layers and values; a scope maps the tensors of one call of one model to value numbers."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.values: list[Value] = []
        self._counted: set[int] = set()

    def walk(self, model: Any, scope: dict[int, int]) -> None:
        for node in keras_graph.nodes(model):
            if not node.is_input:
                self._visit(node, scope)

    def value(self, tensor: Any, scope: dict[int, int]) -> int:
        """A new value for a tensor."""
        shape = (1, *tensor.shape[1:])
        if None in shape:
            raise ModelFileError(
                f"The model has a tensor of shape {list(tensor.shape)}; expected a fixed input size. Set the size "
                "with --input-size N."
            )
        number = len(self.values)
        self.values.append(Value(number, shape, math.prod(shape) * tensor.dtype.size, tensor.dtype.name.upper()))
        scope[id(tensor)] = number
        return number

    def _visit(self, node: Any, scope: dict[int, int]) -> None:
        given = tuple(scope[id(tensor)] for tensor in node.keras_inputs)
        outputs = keras_graph.outputs(node)
        if keras_graph.is_functional(node.layer):
            inner = {id(tensor): number for tensor, number in zip(node.layer.inputs, given)}
            self.walk(node.layer, inner)
            scope.update({id(outer): inner[id(own)] for outer, own in zip(outputs, node.layer.outputs)})
            return
        results = tuple(self.value(tensor, scope) for tensor in outputs)
        self.layers.append(self._layer(node.layer, given, results))

    def _layer(self, layer: Any, given: tuple[int, ...], results: tuple[int, ...]) -> Layer:
        first, result = self.values[given[0]], self.values[results[0]]
        kind = kind_of(layer)
        mixing, window = _mixing(layer, kind, first, result)
        groups = first.shape[-1] if kind.role == roles.DEPTHWISE else int(getattr(layer, "groups", 1))
        parameters = 0 if id(layer) in self._counted else layer.count_params()
        self._counted.add(id(layer))
        return Layer(
            name=layer.name,
            op=_operation(layer) or kind.name,
            inputs=given,
            outputs=results,
            mixing=mixing,
            role=roles.DEPTHWISE if 1 < groups == first.shape[-1] else kind.role,
            window=window,
            groups=groups,
            cost=Cost(
                macs=keras_macs.of_layer(layer, first.shape[1:], result.shape[1:]),
                parameters=parameters,
                parameter_bytes=parameters * _FLOAT_BYTES,
                input_bytes=sum(self.values[number].size_bytes for number in given),
                output_bytes=sum(self.values[number].size_bytes for number in results),
            ),
            details=_details(layer),
        )


def _mixing(layer: Any, kind: LayerKind, given: Value, result: Value) -> tuple[str, Window | None]:
    if kind.mixing == roles.WINDOW:
        found = _window(layer, kind, given, result)
        return (roles.WINDOW if found else roles.UNKNOWN), found
    if kind.role == roles.DENSE:
        return (roles.WHOLE if len(given.shape) == 2 else roles.POINT), None
    if kind.mixing == roles.UNKNOWN and _operation(layer) in _POINT_OPERATIONS:
        return roles.POINT, None
    return kind.mixing, None


def _window(layer: Any, kind: LayerKind, given: Value, result: Value) -> Window | None:
    if given.map_size is None or result.map_size is None:
        return None
    if kind.role in (roles.CONVOLUTION, roles.DEPTHWISE, roles.SEPARABLE):
        strides, dilation = tuple(layer.strides), tuple(layer.dilation_rate)
        return window(given.map_size, result.map_size, tuple(layer.kernel_size), strides, dilation, layer.padding)
    if kind.role == roles.POOLING:
        kernel, strides = tuple(layer.pool_size), tuple(layer.strides)
        return window(given.map_size, result.map_size, kernel, strides, padding=layer.padding)
    sign, amounts = (1, layer.padding) if kind.name == "ZeroPadding2D" else (-1, layer.cropping)
    (top, bottom), (left, right) = amounts
    return Window((1, 1), before=(sign * top, sign * left), after=(sign * bottom, sign * right), padding="explicit")


def _operation(layer: Any) -> str:
    """The TensorFlow operation behind an operator in functional code, e.g. "math.add"."""
    return str(layer.get_config().get("function", "")) if type(layer).__name__ == "TFOpLambda" else ""


def _details(layer: Any) -> dict[str, Any]:
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return {} if activation == "linear" else {"activation": activation}
