"""Which operator of an int8 graph computes what which operator of its float graph does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgecnn.core.errors import QuantizationError
from edgecnn.graph.float_graph import FloatGraph, WeightedLayer
from edgecnn.graph.grid import Grid
from edgecnn.graph.layer_names import layer_name
from edgecnn.graph.operator_kinds import kind_of
from edgecnn.runtime.model.graph import Graph, Operator, Tensor

Identity = tuple[str, str, tuple[int, ...]]
"""Of an operator: its kind, its layer's name, its output's shape."""


@dataclass(frozen=True)
class Pair:
    """One operator of the float network and what became of it.

    Attributes:
        number: the operator's number in the float network.
        layer_name: the Keras layer that it came from.
        output: its output tensor in the float network.
        layer: with weights, if it has some.
        grid: of its output in the artifact; None where it stayed float.
        weights: the artifact's, dequantized, in the float tensor's shape; None without weights or where they are float.
        scales: their scales, (1,) or (channels,).
        bias: the artifact's, dequantized.
    """

    number: int
    layer_name: str
    output: int
    layer: WeightedLayer | None
    grid: Grid | None
    weights: np.ndarray | None = None
    scales: np.ndarray | None = None
    bias: np.ndarray | None = None


def computing(graph: Graph) -> list[Operator]:
    """The operators in execution order, without the conversions between float and int8."""
    return [operator for operator in graph.operators if not kind_of(operator.name).converts]


def matching(first: Sequence[Identity], second: Sequence[Identity]) -> list[tuple[int, int]]:
    """Places of the operators that two graphs have in common, in the first one's order; conversions are passed over.

    By position where both graphs have the same kinds of operators in the same order, otherwise by all of `Identity`.
    """
    ours, theirs = (
        [place for place, (kind, _, _) in enumerate(graph) if not kind_of(kind).converts] for graph in (first, second)
    )
    if [first[place][0] for place in ours] == [second[place][0] for place in theirs]:
        return list(zip(ours, theirs))
    known: dict[Identity, list[int]] = {}
    for place in reversed(theirs):
        known.setdefault(second[place], []).append(place)
    return [(place, known[first[place]].pop()) for place in ours if known.get(first[place])]


def pair_up(network: FloatGraph, artifact: Graph) -> list[Pair]:
    """Match all operators of a float network with those of its int8 form, in execution order.

    Raises:
        QuantizationError: the artifact isn't made from this network, or an operator has several outputs.
    """
    operators = computing(artifact)
    kinds = [operator.name for operator in network.graph.operators]
    if [operator.name for operator in operators] != kinds:
        raise QuantizationError(
            f"The artifact was not made from this model: it has {len(operators)} operators, the float model "
            f"{len(kinds)}, or their order differs. Give the float model that it was made from."
        )
    several = [operator.name for operator in operators if len(operator.outputs) > 1]
    if several:
        raise QuantizationError(
            f"The operator {several[0]} has several outputs; expected one output per operator, so that the noise "
            "of each layer can be measured."
        )
    return [_pair(network, number, operator, artifact) for number, operator in enumerate(operators)]


def _pair(network: FloatGraph, number: int, operator: Operator, artifact: Graph) -> Pair:
    graph, layer = network.graph, network.layers.get(number)
    own = graph.operators[number]
    grid = grid_of(artifact.tensors[operator.outputs[0]])
    pair = Pair(number, layer_name(graph, own), own.outputs[0], layer, grid)
    if layer is None:
        return pair
    weights = artifact.tensors[operator.inputs[1]]
    if weights.dtype != "INT8":
        return pair
    bias = np.zeros(graph.tensors[layer.bias].shape, np.float32)
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:  # the quantizer drops a bias of zeros
        stored = artifact.tensors[operator.inputs[2]]
        bias = stored.dequantize(stored.values())
    shaped = weights.dequantize(weights.values()).reshape(graph.tensors[layer.weights].shape)
    return replace(pair, weights=shaped, scales=weights.scale, bias=bias.reshape(-1))


def grid_of(tensor: Tensor) -> Grid | None:
    """An activation's grid, with the zero point as if the codes were unsigned; None for a float tensor."""
    if tensor.scale.size != 1 or tensor.dtype not in ("INT8", "UINT8"):
        return None
    return Grid(float(tensor.scale[0]), int(tensor.zero_point[0]) + (128 if tensor.dtype == "INT8" else 0))
