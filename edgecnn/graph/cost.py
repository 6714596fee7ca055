"""What one operator of a `.tflite` graph costs: multiply-accumulates, parameters, bytes moved.

Convention, the papers': one MAC is one multiplication with its addition; a convolution is counted as dense, padding
included; biases, activations, pooling, means, element-wise operators, resizing and data movement count 0 MACs (they
cost time through their bytes). Recurrent operators are not counted. Filter layouts and option numbers are those of
TensorFlow Lite's `schema.fbs`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edgecnn.graph.operator_kinds import kind_of
from edgecnn.runtime.model.graph import Graph, Operator, Tensor
from edgecnn.runtime.model.validation import Record

# A constant of such a type that isn't a bias is an argument (a shape, axes), no parameter.
_ARGUMENT_TYPES = ("INT32", "INT64", "BOOL", "STRING")


@dataclass(frozen=True)
class Cost(Record):
    """The cost of one operator, or of several added up.

    Attributes:
        macs: multiply-accumulates.
        parameters: constant values that were trained, biases included.
        parameter_bytes: their bytes as stored.
        input_bytes: bytes of the activations that are read.
        output_bytes: bytes of the activations that are written.
    """

    DERIVED = ("bytes_moved",)

    macs: int = 0
    parameters: int = 0
    parameter_bytes: int = 0
    input_bytes: int = 0
    output_bytes: int = 0

    @property
    def bytes_moved(self) -> int:
        """Bytes that must be read or written at least once."""
        return self.parameter_bytes + self.input_bytes + self.output_bytes

    @property
    def macs_per_byte(self) -> float:
        """Arithmetic intensity."""
        return self.macs / self.bytes_moved if self.bytes_moved else 0.0


def operator_cost(graph: Graph, operator: Operator) -> Cost:
    """Count one operator of a graph; 0 MACs where the file leaves out the shapes that they follow from."""
    counter = _MACS.get(operator.name) if _has_shapes(graph, operator) else None
    parameters = list(_parameters(graph, operator))
    return Cost(
        macs=counter(graph, operator) if counter else 0,
        parameters=sum(tensor.elements for tensor in parameters),
        parameter_bytes=sum(len(tensor.data) for tensor in parameters),
        input_bytes=sum(tensor.size_bytes for tensor in activation_inputs(graph, operator)),
        output_bytes=sum(graph.tensors[number].size_bytes for number in operator.outputs),
    )


def _has_shapes(graph: Graph, operator: Operator) -> bool:
    outputs = (graph.tensors[number] for number in operator.outputs)
    return all(tensor.shape for tensor in (*activation_inputs(graph, operator), *outputs))


def total_macs(graph: Graph) -> int:
    """Multiply-accumulates of a whole graph for one input."""
    return sum(operator_cost(graph, operator).macs for operator in graph.operators)


def total_parameters(graph: Graph) -> tuple[int, int]:
    """Trained values of a whole graph and their bytes; a constant that operators share counts once."""
    unique = {tensor.index: tensor for operator in graph.operators for tensor in _parameters(graph, operator)}
    return sum(tensor.elements for tensor in unique.values()), sum(len(tensor.data) for tensor in unique.values())


def activation_inputs(graph: Graph, operator: Operator) -> list[Tensor]:
    """The tensors that an operator reads and that are computed at run time."""
    tensors = (graph.tensors[number] for number in operator.inputs if number != -1)
    return [tensor for tensor in tensors if not tensor.is_constant]


def _parameters(graph: Graph, operator: Operator) -> Iterator[Tensor]:
    bias = kind_of(operator.name).bias
    for position, number in enumerate(operator.inputs):
        if number == -1 or not graph.tensors[number].is_constant:
            continue
        if position == bias or graph.tensors[number].dtype not in _ARGUMENT_TYPES:
            yield graph.tensors[number]


def _shape(graph: Graph, operator: Operator, position: int) -> tuple[int, ...]:
    return graph.tensors[operator.inputs[position]].shape


def _output_elements(graph: Graph, operator: Operator) -> int:
    return graph.tensors[operator.outputs[0]].elements


def _convolution(graph: Graph, operator: Operator) -> int:
    """Filter (output channels, height, width, input channels per group)."""
    return _output_elements(graph, operator) * math.prod(_shape(graph, operator, 1)[1:])


def _depthwise(graph: Graph, operator: Operator) -> int:
    """Filter (1, height, width, output channels)."""
    return _output_elements(graph, operator) * math.prod(_shape(graph, operator, 1)[1:3])


def _transposed(graph: Graph, operator: Operator) -> int:
    """Inputs: output shape, filter (output channels, height, width, input channels), activation."""
    filters = _shape(graph, operator, 1)
    return math.prod(_shape(graph, operator, 2)) * math.prod(filters[:3])


def _convolution_3d(graph: Graph, operator: Operator) -> int:
    """Filter (depth, height, width, input channels per group, output channels)."""
    return _output_elements(graph, operator) * math.prod(_shape(graph, operator, 1)[:4])


def _fully_connected(graph: Graph, operator: Operator) -> int:
    """Weights (units, depth)."""
    return _output_elements(graph, operator) * _shape(graph, operator, 1)[-1]


def _batch_matmul(graph: Graph, operator: Operator) -> int:
    """BatchMatMulOptions field 0, adj_x: the first matrix (..., rows, depth) is stored transposed."""
    left = _shape(graph, operator, 0)
    return _output_elements(graph, operator) * (left[-2] if operator.option(0, "bool") else left[-1])


_MACS: dict[str, Callable[[Graph, Operator], int]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "CONV_3D": _convolution_3d,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matmul,
}
