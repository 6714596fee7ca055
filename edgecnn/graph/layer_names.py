"""From an operator of a converted graph back to the Keras layer that it came from, by its tensors' names.

The converter names what it fuses by the ops it fused, joined by `;`: the output of a folded convolution is
`model/block0_act/Relu6;model/block0_bn/FusedBatchNormV3;model/block0_conv/Conv2D`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from edgecnn.graph.operator_kinds import kind_of
from edgecnn.runtime.model.graph import Graph, Operator

# Levels that tracing adds around the model's own.
_WRAPPERS = ("StatefulPartitionedCall", "PartitionedCall", "functional")


def layer_name(graph: Graph, operator: Operator) -> str:
    """The layer that an operator came from, e.g. `block3_expand_conv`, or its output tensor's name where none shows."""
    constants = [number for number in operator.inputs if number != -1 and graph.tensors[number].is_constant]
    sources = kind_of(operator.name).sources
    outputs = list(_paths(graph, operator.outputs))
    # A kernel is named after its own layer; an output sometimes after a distant one whose range it shares.
    for levels in [*_paths(graph, constants), *outputs]:
        if len(levels) > 1 and re.sub(r"_?\d+$", "", levels[-1]) in sources:
            return _layer(levels)
    for levels in outputs:
        if len(levels) > 1:
            return _layer(levels)
    return outputs[0][0] if outputs else operator.name.lower()


def mentioned(graph: Graph, operator: Operator) -> set[str]:
    """All layers that an operator computes, by its output's and its kernel's names: a fused activation's too."""
    weights = kind_of(operator.name).weights
    kernel = [operator.inputs[weights]] if weights is not None else []
    return {level for levels in _paths(graph, [*operator.outputs, *kernel]) for level in levels[1:-1]}


def _paths(graph: Graph, numbers: Iterable[int]) -> Iterator[list[str]]:
    """The tensors' names, part by part and level by level."""
    for number in numbers:
        for part in graph.tensors[number].name.split(";"):
            levels = [level for level in part.split("/") if level and level not in _WRAPPERS]
            if levels:
                yield levels


def _layer(levels: list[str]) -> str:
    """Without the model's name in front and the op's name at the end."""
    inner = levels[:-1]
    return "/".join(inner[1:] if len(inner) > 1 else inner)
