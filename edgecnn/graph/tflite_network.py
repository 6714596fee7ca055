"""A parsed `.tflite` graph as a `Network`; needs no TFLite library. Option numbers are those of `schema.fbs`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgecnn.graph import roles
from edgecnn.graph.constants import folded
from edgecnn.graph.cost import activation_inputs, operator_cost, total_parameters
from edgecnn.graph.layer_names import layer_name
from edgecnn.graph.network import Layer, Network, Value, Window, window
from edgecnn.graph.operator_kinds import FUSED_ACTIVATIONS, OperatorKind, kind_of
from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.model.graph import Graph, Operator, Tensor
from edgecnn.runtime.model.tflite import TFLiteModel

_SLICES = ("SLICE", "STRIDED_SLICE")


def read(model: TFLiteModel, name: str) -> Network:
    """The main graph of a parsed `.tflite` file.

    Raises:
        ModelFileError: the graph's numbers contradict each other; the file is damaged.
    """
    graph = folded(model.graph)
    try:
        layers = tuple(_layer(graph, operator) for operator in graph.operators)
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise ModelFileError(
            f"{name} is damaged: an operator does not fit its tensors ({error}). Convert the model again."
        ) from error
    counts = [total_parameters(folded(each)) for each in model.graphs]  # those of loops and branches too
    parameters, parameter_bytes = (sum(numbers) for numbers in zip(*counts))
    numbers = {number for layer in layers for number in (*layer.inputs, *layer.outputs)}
    values = {number: _value(graph.tensors[number]) for number in sorted(numbers | {*graph.inputs, *graph.outputs})}
    return Network(name, "tflite", layers, values, graph.inputs, graph.outputs, parameters, parameter_bytes)


def _value(tensor: Tensor) -> Value:
    return Value(tensor.index, tensor.shape, tensor.size_bytes, tensor.dtype)


def _layer(graph: Graph, operator: Operator) -> Layer:
    mixing, window = _mixing(graph, operator)
    return Layer(
        name=layer_name(graph, operator),
        op=operator.name,
        inputs=tuple(tensor.index for tensor in activation_inputs(graph, operator)),
        outputs=operator.outputs,
        mixing=mixing,
        role=kind_of(operator.name).role,
        window=window,
        groups=_groups(graph, operator),
        cost=operator_cost(graph, operator),
        details=_details(graph, operator),
    )


def _groups(graph: Graph, operator: Operator) -> int:
    channels = graph.tensors[operator.inputs[0]].shape[-1:] if operator.inputs and operator.inputs[0] >= 0 else ()
    if not channels:
        return 1
    if operator.name == "DEPTHWISE_CONV_2D":
        return channels[0]
    if operator.name == "CONV_2D":
        return max(1, channels[0] // graph.tensors[operator.inputs[1]].shape[-1])
    return 1


def _mixing(graph: Graph, operator: Operator) -> tuple[str, Window | None]:
    kind = kind_of(operator.name)
    if kind.mixing == roles.POINT:
        return roles.POINT, None
    if not _has_shapes(graph, operator, kind):
        return roles.UNKNOWN, None
    if kind.mixing == roles.WINDOW:
        slides = _convolution if kind.weights else _pool if kind.role == roles.POOLING else _padding
        return slides(graph, operator)
    if kind.mixing == roles.WHOLE:
        return (_dense if kind.weights else _reduction)(graph, operator)
    return _slice(graph, operator) if operator.name in _SLICES else (kind.mixing, None)


def _has_shapes(graph: Graph, operator: Operator, kind: OperatorKind) -> bool:
    """False where the file leaves out the shape of what is read or written; a reduction may end in a single number."""
    reduces = kind.mixing == roles.WHOLE and kind.weights is None
    outputs = [] if reduces else [graph.tensors[number] for number in operator.outputs]
    return all(tensor.shape for tensor in (*activation_inputs(graph, operator), *outputs))


def _map_sizes(graph: Graph, operator: Operator) -> tuple[tuple[int, int], tuple[int, int]]:
    """(height, width) of the operator's first input and output."""
    given, result = graph.tensors[operator.inputs[0]].shape, graph.tensors[operator.outputs[0]].shape
    if len(given) != 4 or len(result) != 4:
        raise ValueError(f"{operator.name} from the shape {list(given)} to {list(result)}")
    return (given[1], given[2]), (result[1], result[2])


def _sliding(graph: Graph, operator: Operator, kernel: tuple[int, ...], dilation: tuple[int, int]) -> Window:
    given, result = _map_sizes(graph, operator)
    padding = "valid" if operator.option(0, "int8") else "same"
    stride = (operator.option(2), operator.option(1))
    if min(*kernel, *stride, *dilation, *result) < 1:
        raise ValueError(f"{operator.name} has kernel size {kernel} and stride {stride}")
    return window(given, result, (kernel[0], kernel[1]), stride, dilation, padding)


def _convolution(graph: Graph, operator: Operator) -> tuple[str, Window | None]:
    down, across = kind_of(operator.name).dilation or (0, 0)
    dilation = (operator.option(down, default=1), operator.option(across, default=1))
    return roles.WINDOW, _sliding(graph, operator, graph.tensors[operator.inputs[1]].shape[1:3], dilation)


def _pool(graph: Graph, operator: Operator) -> tuple[str, Window | None]:
    return roles.WINDOW, _sliding(graph, operator, (operator.option(4), operator.option(3)), (1, 1))


def _constant(graph: Graph, operator: Operator, position: int) -> Any:
    """A constant input as a list, or None."""
    number = operator.inputs[position] if position < len(operator.inputs) else -1
    tensor = graph.tensors[number] if number >= 0 else None
    return tensor.values().tolist() if tensor is not None and tensor.is_constant else None


def _reduction(graph: Graph, operator: Operator) -> tuple[str, Window | None]:
    axes = _constant(graph, operator, 1)
    rank = len(graph.tensors[operator.inputs[0]].shape)
    if axes is None:
        return roles.UNKNOWN, None
    reduced = {int(axis) % rank for axis in np.ravel(axes)}
    if reduced == {rank - 1}:
        return roles.POINT, None
    return (roles.WHOLE if {*range(1, rank - 1)} <= reduced else roles.UNKNOWN), None


def _padding(graph: Graph, operator: Operator) -> tuple[str, Window | None]:
    amounts = _constant(graph, operator, 1)
    if amounts is None or len(amounts) != 4:
        return roles.UNKNOWN, None
    before, after = ((amounts[1][side], amounts[2][side]) for side in (0, 1))
    return roles.WINDOW, Window((1, 1), before=before, after=after, padding="explicit")


def _slice(graph: Graph, operator: Operator) -> tuple[str, Window | None]:
    """A slice of channels only keeps every position; a crop is not followed."""
    given, result = graph.tensors[operator.inputs[0]].shape, graph.tensors[operator.outputs[0]].shape
    return (roles.POINT if len(given) == 4 and given[:3] == result[:3] else roles.UNKNOWN), None


def _dense(graph: Graph, operator: Operator) -> tuple[str, Window | None]:
    """Dense over channels at each position (keep_num_dims, or rows of a matrix), or over the flattened map."""
    given, result = graph.tensors[operator.inputs[0]].shape, graph.tensors[operator.outputs[0]].shape
    rows = math.prod(given[:-1])
    return (roles.POINT if rows > 1 and rows == math.prod(result[:-1]) else roles.WHOLE), None


def _details(graph: Graph, operator: Operator) -> dict[str, Any]:
    details: dict[str, Any] = {"version": operator.version}
    option = kind_of(operator.name).activation
    code = operator.option(option, "int8") if option is not None else 0
    if 0 < code < len(FUSED_ACTIVATIONS):
        details["activation"] = FUSED_ACTIVATIONS[code]
    output = graph.tensors[operator.outputs[0]] if operator.outputs else None
    if output is not None:
        details["type"] = output.dtype
    if output is not None and output.scale.size == 1:
        details["scale"], details["zero_point"] = float(output.scale[0]), int(output.zero_point[0])
    weights = graph.tensors[operator.inputs[1]] if len(operator.inputs) > 1 and operator.inputs[1] >= 0 else None
    if weights is not None and weights.is_constant and weights.scale.size:
        details["weight_type"], details["weight_scales"] = weights.dtype, int(weights.scale.size)
    return details
