"""A float `.tflite` whose weights can be changed: the form of the model that the quantizer will round.

Working here rather than on the Keras model has two merits: batch norms are folded already, so these are exactly the
weights that are quantized; and it doesn't matter what the model was built with.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.compat.litert_schema import builtin_code, pack, schema, text, unpack
from edgecnn.graph.operator_kinds import WEIGHTED
from edgecnn.runtime.model.graph import FLOAT_TYPES, Graph, Operator
from edgecnn.runtime.model.tflite import parse

_WEIGHTED_CODES = [getattr(schema.BuiltinOperator, name) for name in WEIGHTED]
NO_ACTIVATION, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
_LIMITS = {NO_ACTIVATION: (-np.inf, np.inf), RELU: (0.0, np.inf), RELU_N1_TO_1: (-1.0, 1.0), RELU6: (0.0, 6.0)}


@dataclass(frozen=True)
class WeightedLayer:
    """A convolution or fully connected operator with constant weights and bias.

    Attributes:
        operator: its number in the graph; the other numbers are tensors'.
        kind: one of `operator_kinds.WEIGHTED`.
        groups: groups of input channels that don't mix: 1, or the input channels of a depthwise convolution.
        kernel: rows and columns of the window; (1, 1) for a fully connected layer.
        activation: code of the fused activation.
        depth: last axis of the weights; of a fully connected layer, the length of an input vector.
    """

    operator: int
    kind: str
    input: int
    weights: int
    bias: int
    output: int
    groups: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    same_padding: bool
    activation: int
    depth: int

    @property
    def limits(self) -> tuple[float, float]:
        """What the fused activation clips to."""
        return _LIMITS[self.activation]


class FloatGraph:
    """The editable model.

    Attributes:
        graph: the graph as it was read; its tensors keep the old weights.
        layers: by operator number, in execution order.
    """

    def __init__(self, model: bytes) -> None:
        model = _with_own_biases(model)
        self.graph: Graph = parse(model).graph
        self._model: Any = unpack(model)
        uses = Counter(index for operator in self.graph.operators for index in operator.inputs)
        found = (self._layer(operator, uses) for operator in self.graph.operators)
        self.layers: dict[int, WeightedLayer] = {layer.operator: layer for layer in found if layer is not None}

    def values(self, tensor: int) -> np.ndarray:
        """A constant's current values, float32."""
        data = np.asarray(self._model.buffers[self._tensor(tensor).buffer].data, np.uint8)
        return data.view(np.float32).reshape(self.graph.tensors[tensor].shape)

    def set_values(self, tensor: int, values: np.ndarray) -> None:
        """Replace a constant; tensors that shared its buffer keep their values."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values, np.float32).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        self._tensor(tensor).buffer = len(self._model.buffers) - 1

    def matrix(self, layer: WeightedLayer) -> np.ndarray:
        """Weights as float64 (groups, output channels of a group, columns); a column is a place in the input window."""
        weights = self.values(layer.weights).astype(np.float64)
        if layer.kind == "DEPTHWISE_CONV_2D":  # (1, rows, columns, input channel * multiplier + m)
            window = weights.reshape(-1, layer.groups, weights.shape[-1] // layer.groups)
            return np.ascontiguousarray(window.transpose(1, 2, 0))
        return weights.reshape(layer.groups, weights.shape[0] // layer.groups, -1)

    def columns(self, layer: WeightedLayer) -> int:
        """Columns of the layer's matrix: the inputs of one output."""
        shape = self.graph.tensors[layer.weights].shape
        return layer.kernel[0] * layer.kernel[1] if layer.kind == "DEPTHWISE_CONV_2D" else int(np.prod(shape[1:]))

    def set_matrix(self, layer: WeightedLayer, matrix: np.ndarray) -> None:
        """The inverse of `matrix`."""
        self.set_values(layer.weights, self.shaped(layer, matrix))

    def shaped(self, layer: WeightedLayer, matrix: np.ndarray) -> np.ndarray:
        """A matrix in the shape of the layer's weights."""
        if layer.kind == "DEPTHWISE_CONV_2D":
            matrix = matrix.transpose(2, 0, 1)
        return matrix.reshape(self.graph.tensors[layer.weights].shape)

    def to_bytes(self) -> bytes:
        """The whole model with its current weights."""
        model = copy.copy(self._model)
        used = sorted({0, *(tensor.buffer for tensor in self._subgraph.tensors), *self._metadata_buffers()})
        places = {old: new for new, old in enumerate(used)}
        model.buffers = [self._model.buffers[old] for old in used]
        model.subgraphs = [copy.copy(self._subgraph)]
        model.subgraphs[0].tensors = [_moved(tensor, places) for tensor in self._subgraph.tensors]
        model.metadata = [_moved(entry, places) for entry in self._model.metadata or ()]
        return pack(model)

    def operator_model(self, number: int, *, linear: bool = False) -> bytes:
        """One operator as a model of its own, with its current weights.

        Args:
            number: which operator; its activation inputs become the inputs, in order.
            linear: leave a layer's fused activation out.
        """
        operator = copy.copy(self._subgraph.operators[number])
        indices = dict.fromkeys(index for index in (*operator.inputs, *operator.outputs) if index >= 0)
        places = {old: new for new, old in enumerate(indices)}
        model = copy.copy(self._model)
        model.operatorCodes = [self._model.operatorCodes[operator.opcodeIndex]]
        model.metadata = model.signatureDefs = model.metadataBuffer = None
        model.buffers = [schema.BufferT()]
        graph = schema.SubGraphT()
        graph.tensors = [self._placed(self._tensor(index), model.buffers) for index in indices]
        graph.inputs = [places[index] for index in self.variable_inputs(number)]
        graph.outputs = [places[index] for index in operator.outputs]
        operator.opcodeIndex = 0
        operator.inputs = [places.get(index, -1) for index in operator.inputs]
        operator.outputs = [places[index] for index in operator.outputs]
        if linear and number in self.layers:
            operator.builtinOptions = copy.copy(operator.builtinOptions)
            operator.builtinOptions.fusedActivationFunction = NO_ACTIVATION
        graph.operators = [operator]
        model.subgraphs = [graph]
        return pack(model)

    def variable_inputs(self, number: int) -> list[int]:
        """The inputs of an operator that aren't constants, without repetition."""
        inputs = dict.fromkeys(index for index in self.graph.operators[number].inputs if index >= 0)
        return [index for index in inputs if not self.graph.tensors[index].is_constant]

    @functools.cached_property
    def last_use(self) -> dict[int, int]:
        """The last operator that reads each tensor; the model's outputs are never given up."""
        last = {index: operator.index for operator in self.graph.operators for index in operator.inputs}
        return {**last, **dict.fromkeys(self.graph.outputs, len(self.graph.operators))}

    @property
    def _subgraph(self) -> Any:
        return self._model.subgraphs[0]

    def _tensor(self, index: int) -> Any:
        return self._subgraph.tensors[index]

    def _metadata_buffers(self) -> list[int]:
        return [entry.buffer for entry in self._model.metadata or ()]

    def _placed(self, tensor: Any, buffers: list[Any]) -> Any:
        placed = copy.copy(tensor)
        placed.buffer = 0
        content = self._model.buffers[tensor.buffer]
        if content.data is not None and len(content.data):
            buffers.append(content)
            placed.buffer = len(buffers) - 1
        return placed

    def _layer(self, operator: Operator, uses: Counter[int]) -> WeightedLayer | None:
        if operator.name not in WEIGHTED or len(operator.inputs) < 3 or operator.inputs[2] < 0:
            return None
        tensors = self.graph.tensors
        source, weights, bias = operator.inputs[:3]
        constant = all(tensors[index].is_constant and tensors[index].dtype in FLOAT_TYPES for index in (weights, bias))
        # A weight that serves two operators can't be fitted to both of their inputs.
        if not constant or tensors[weights].dtype != "FLOAT32" or uses[weights] > 1:
            return None
        options = self._subgraph.operators[operator.index].builtinOptions
        if options.fusedActivationFunction not in _LIMITS:
            return None
        if operator.name == "FULLY_CONNECTED":
            window: dict[str, Any] = {"kernel": (1, 1), "stride": (1, 1), "dilation": (1, 1), "same_padding": False}
            groups = 1
        else:
            window = {
                "kernel": tensors[weights].shape[1:3],
                "stride": (options.strideH, options.strideW),
                "dilation": (options.dilationHFactor, options.dilationWFactor),
                "same_padding": options.padding == schema.Padding.SAME,
            }
            channels = tensors[source].shape[-1]
            groups = channels if operator.name == "DEPTHWISE_CONV_2D" else channels // tensors[weights].shape[-1]
        return WeightedLayer(
            operator.index, operator.name, source, weights, bias, operator.outputs[0],
            groups=groups, activation=options.fusedActivationFunction, depth=tensors[weights].shape[-1], **window,
        )  # fmt: skip


def _with_own_biases(model: bytes) -> bytes:
    """The converter gives layers without a bias one common tensor of zeros; each gets its own, to be corrected."""
    unpacked = unpack(model)
    graph = unpacked.subgraphs[0]
    weighted = {index for index, code in enumerate(unpacked.operatorCodes) if builtin_code(code) in _WEIGHTED_CODES}
    taken: set[int] = set()
    changed = False
    for operator in graph.operators:
        if operator.opcodeIndex not in weighted or len(operator.inputs) < 3 or operator.inputs[2] < 0:
            continue
        bias = int(operator.inputs[2])
        if bias in taken:
            graph.tensors.append(copy.copy(graph.tensors[bias]))
            graph.tensors[-1].name = f"{text(graph.tensors[bias].name)}/{len(graph.tensors)}".encode()
            operator.inputs = np.array([*operator.inputs[:2], len(graph.tensors) - 1, *operator.inputs[3:]], np.int32)
            changed = True
        taken.add(bias)
    return pack(unpacked) if changed else model


def _moved(entry: Any, places: dict[int, int]) -> Any:
    moved = copy.copy(entry)
    moved.buffer = places[entry.buffer]
    return moved
