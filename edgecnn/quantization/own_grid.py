"""Weights that lie on an int8 grid already keep it: those of models that were quantized before, or trained so.

TensorFlow's quantizer takes the largest magnitude of each output channel for 127 steps. Where that weight is 90 steps
of the grid that the channel lies on, all others would be rounded a second time; with its own scale none is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.compat.litert_schema import pack, schema, unpack
from edgecnn.graph.float_graph import FloatGraph, WeightedLayer
from edgecnn.graph.grid import WEIGHT_STEPS
from edgecnn.graph.pairing import computing
from edgecnn.runtime.model.graph import Graph, Operator
from edgecnn.runtime.model.tflite import parse

_TOLERANCE = 0.02  # of a step: rounding to another grid costs up to half a step
_LOOK = 8  # columns that are tried first: few channels of a float model pass
_ROWS = 1024  # channels at a time


def steps(matrix: np.ndarray) -> np.ndarray:
    """How many steps of its own grid the largest magnitude of each channel is.

    Args:
        matrix: weights, (groups, output channels of a group, columns).

    Returns:
        (groups * output channels,), up to 127 and as many as can be; 0 where the weights lie on no such grid.
    """
    rows = np.abs(matrix.reshape(-1, matrix.shape[2])).astype(np.float32)
    found = np.concatenate([_steps(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)])
    multiples = WEIGHT_STEPS // np.maximum(found, 1)
    result: np.ndarray = found * multiples
    return result


def _steps(rows: np.ndarray) -> np.ndarray:
    largest = rows.max(axis=1, keepdims=True)
    shares = rows / np.where(largest > 0, largest, np.float32(1))
    some = np.unique(np.linspace(0, rows.shape[1] - 1, _LOOK).astype(int))
    found = np.zeros(len(rows), int)
    for count in range(WEIGHT_STEPS, 0, -1):  # the fewest steps, found last, are the grid itself
        likely = np.flatnonzero(_on_grid(shares[:, some], count))
        found[likely[_on_grid(shares[likely], count)]] = count
    found[largest[:, 0] <= 0] = 0
    return found


def _on_grid(shares: np.ndarray, count: int) -> np.ndarray:
    places = shares * count
    result: np.ndarray = np.abs(places - np.rint(places)).max(axis=1) <= _TOLERANCE
    return result


def kept(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Changed weights, but those of channels that lie on a grid of their own as they were; shapes as of `steps`."""
    own = steps(old).reshape(old.shape[:2])
    result: np.ndarray = np.where((own > 0)[:, :, None], old, new)
    return result


def restored(float_model: bytes, quantized: bytes) -> bytes:
    """An integer model with the grids that its float model's weights lie on.

    Args:
        float_model: `.tflite` bytes.
        quantized: what the quantizer made of it, with one weight scale per output channel.
    """
    network, graph = FloatGraph(float_model), parse(quantized).graph
    operators = computing(graph)
    if [operator.name for operator in operators] != [operator.name for operator in network.graph.operators]:
        return quantized
    pairs = [(layer, operators[number]) for number, layer in network.layers.items()]
    changes = [change for pair in pairs if (change := _change(network, *pair, graph)) is not None]
    if not changes:
        return quantized
    unpacked = unpack(quantized)
    for change in changes:
        change.write(unpacked)
    return pack(unpacked)


@dataclass(frozen=True)
class _Change:
    """New contents of a layer's tensors: number -> (codes in their type, scales)."""

    tensors: dict[int, tuple[np.ndarray, np.ndarray]]

    def write(self, model: Any) -> None:
        for number, (codes, scales) in self.tensors.items():
            tensor = model.subgraphs[0].tensors[number]
            if sum(each.buffer == tensor.buffer for graph in model.subgraphs for each in graph.tensors) > 1:
                model.buffers.append(schema.BufferT())
                tensor.buffer = len(model.buffers) - 1
            model.buffers[tensor.buffer].data = np.frombuffer(np.ascontiguousarray(codes).tobytes(), np.uint8)
            tensor.quantization.scale = scales.astype(np.float32)


def _change(network: FloatGraph, layer: WeightedLayer, operator: Operator, graph: Graph) -> _Change | None:
    weights = graph.tensors[operator.inputs[1]]
    matrix = network.matrix(layer)
    channels = matrix.shape[0] * matrix.shape[1]
    own_tensor = sum(weights.index in each.inputs for each in graph.operators) == 1
    if weights.dtype != "INT8" or weights.scale.size != channels or not own_tensor:
        return None
    count = steps(matrix)
    better = (count > 0) & (count < WEIGHT_STEPS)
    if not better.any():
        return None
    largest = np.abs(matrix).max(axis=2).reshape(-1)
    scales = np.where(better, largest / np.maximum(count, 1), weights.scale)
    codes = network.shaped(layer, np.rint(matrix / scales.reshape(*matrix.shape[:2], 1)))
    stored = weights.values().reshape(codes.shape)
    along = better if layer.kind == "DEPTHWISE_CONV_2D" else better.reshape(-1, *[1] * (codes.ndim - 1))
    tensors = {weights.index: (np.where(along, codes, stored).astype(np.int8), scales)}
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:  # the quantizer drops a bias of zeros
        bias = graph.tensors[operator.inputs[2]]
        fine = scales * float(graph.tensors[operator.inputs[0]].scale[0])
        limits = np.iinfo(bias.values().dtype)
        exact = np.rint(network.values(layer.bias).reshape(-1) / fine).clip(limits.min, limits.max)
        values = bias.values().reshape(-1)
        tensors[bias.index] = (np.where(better, exact, values).astype(values.dtype), fine)
    return _Change(tensors)
