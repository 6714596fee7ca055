"""A Keras model as a `Network`. Nested models are taken apart; a layer that is called twice appears twice.

A layer class of ours may say how it mixes positions, with a class attribute `mixing` (see `edgecnn.graph.network`).
"""

from __future__ import annotations

import math
from typing import Any

from edgecnn.graph import keras_macs
from edgecnn.graph import network as net
from edgecnn.graph.cost import Cost
from edgecnn.graph.network import Layer, Network, Value, Window
from edgecnn.runtime.errors import ModelFileError

_FLOAT_BYTES = 4
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
_LOCAL_POOLS = ("MaxPooling2D", "AveragePooling2D")
_GLOBAL_POOLS = ("GlobalAveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalMaxPooling1D")
_IN_PLACE = frozenset(
    """BatchNormalization Activation ReLU LeakyReLU Dropout SpatialDropout2D Reshape Flatten Rescaling Normalization
    HardSwish HardSigmoid StochasticDepth LayerScale Permute Cropping1D""".split()  # noqa: SIM905
)
_POINT = frozenset(
    """Add Subtract Multiply Average Maximum Minimum Concatenate PReLU ELU Softmax LayerNormalization
    UnitNormalization""".split()  # noqa: SIM905
)
_POINT_OPERATIONS = frozenset(
    """math.add math.multiply math.subtract math.divide math.truediv __operators__.add math.sigmoid math.tanh nn.relu
    nn.relu6 nn.gelu nn.silu nn.swish nn.softmax nn.sigmoid reshape transpose expand_dims squeeze cast concat""".split()  # noqa: SIM905
)
_ATTENTION = ("MultiHeadAttention", "Attention", "AdditiveAttention", "GroupNormalization")  # all look at all positions


def read(model: Any) -> Network:
    """A built Keras model with fixed input size.

    Raises:
        ModelFileError: it is no functional or sequential model, or a size is not fixed.
    """
    if not getattr(model, "_nodes_by_depth", None):
        raise ModelFileError(f"{model.name} is a subclassed Keras model; expected a functional or sequential one.")
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
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    self._visit(node, scope)

    def value(self, tensor: Any, scope: dict[int, int]) -> int:
        """A new value for a tensor."""
        shape = (1, *tensor.shape[1:])
        if None in shape:
            raise ModelFileError(f"The model has a tensor of shape {tuple(tensor.shape)}; expected a fixed input size.")
        number = len(self.values)
        self.values.append(Value(number, shape, math.prod(shape) * tensor.dtype.size, tensor.dtype.name.upper()))
        scope[id(tensor)] = number
        return number

    def _visit(self, node: Any, scope: dict[int, int]) -> None:
        given = tuple(scope[id(tensor)] for tensor in node.keras_inputs)
        outputs = _flat(node.outputs)
        if getattr(node.layer, "_nodes_by_depth", None):
            inner = {id(tensor): number for tensor, number in zip(node.layer.inputs, given)}
            self.walk(node.layer, inner)
            scope.update({id(outer): inner[id(own)] for outer, own in zip(outputs, node.layer.outputs)})
            return
        results = tuple(self.value(tensor, scope) for tensor in outputs)
        self.layers.append(self._layer(node.layer, given, results))

    def _layer(self, layer: Any, given: tuple[int, ...], results: tuple[int, ...]) -> Layer:
        first, result = self.values[given[0]], self.values[results[0]]
        mixing, window = _mixing(layer, first, result)
        groups = first.shape[-1] if type(layer).__name__ == "DepthwiseConv2D" else int(getattr(layer, "groups", 1))
        parameters = 0 if id(layer) in self._counted else layer.count_params()
        self._counted.add(id(layer))
        return Layer(
            name=layer.name,
            op=_operation(layer) if type(layer).__name__ == "TFOpLambda" else type(layer).__name__,
            inputs=given,
            outputs=results,
            mixing=mixing,
            role=net.DEPTHWISE if 1 < groups == first.shape[-1] else _role(type(layer).__name__),
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


def _flat(tensors: Any) -> list[Any]:
    if isinstance(tensors, (list, tuple)):
        return [leaf for tensor in tensors for leaf in _flat(tensor)]
    return [tensors]


def _role(kind: str) -> str:
    roles = {"Conv2D": net.CONVOLUTION, "SeparableConv2D": net.SEPARABLE, "DepthwiseConv2D": net.DEPTHWISE}
    if kind in roles:
        return roles[kind]
    if kind in (*_LOCAL_POOLS, *_GLOBAL_POOLS):
        return net.POOLING
    if kind == "Dense":
        return net.DENSE
    return net.IN_PLACE if kind in _IN_PLACE else net.OTHER


def _mixing(layer: Any, given: Value, result: Value) -> tuple[str, Window | None]:
    kind = type(layer).__name__
    declared = getattr(layer, "mixing", None)
    if declared in (net.POINT, net.WHOLE, net.ATTENTION):
        return declared, None
    window = _window(layer, given, result)
    if window is not None:
        return net.WINDOW, window
    if kind in _GLOBAL_POOLS or (kind == "Dense" and len(given.shape) == 2):
        return net.WHOLE, None
    if kind in _ATTENTION:
        return net.ATTENTION, None
    point = kind in _IN_PLACE or kind in _POINT or kind == "Dense" or _operation(layer) in _POINT_OPERATIONS
    return (net.POINT if point else net.UNKNOWN), None


def _window(layer: Any, given: Value, result: Value) -> Window | None:
    kind = type(layer).__name__
    if given.map_size is None or result.map_size is None:
        return None
    if kind in _CONVOLUTIONS:
        strides, dilation = tuple(layer.strides), tuple(layer.dilation_rate)
        return net.window(given.map_size, result.map_size, tuple(layer.kernel_size), strides, dilation, layer.padding)
    if kind in _LOCAL_POOLS:
        kernel, strides = tuple(layer.pool_size), tuple(layer.strides)
        return net.window(given.map_size, result.map_size, kernel, strides, padding=layer.padding)
    if kind not in ("ZeroPadding2D", "Cropping2D"):
        return None
    sign, amounts = (1, layer.padding) if kind == "ZeroPadding2D" else (-1, layer.cropping)
    (top, bottom), (left, right) = amounts
    return Window((1, 1), before=(sign * top, sign * left), after=(sign * bottom, sign * right), padding="explicit")


def _operation(layer: Any) -> str:
    """The TensorFlow operation behind an operator in functional code, e.g. "math.add"."""
    return str(layer.get_config().get("function", "")) if type(layer).__name__ == "TFOpLambda" else ""


def _details(layer: Any) -> dict[str, Any]:
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return {} if activation == "linear" else {"activation": activation}
