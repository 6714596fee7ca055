"""Constants that operators compute when a model is loaded: the float16 weights that a DEQUANTIZE turns into float32."""

from __future__ import annotations

from dataclasses import replace

from edgecnn.runtime.model.graph import Graph, Operator, Tensor

_KEEP_VALUES = ("DEQUANTIZE", "DENSIFY")


def folded(graph: Graph) -> Graph:
    """The graph without such operators: what they would compute is a constant, stored as what they read.

    The numbers of tensors and the `index` of operators stay as they are.
    """
    tensors: dict[int, Tensor] = {}
    kept: list[Operator] = []
    for operator in graph.operators:
        source = _constant(operator, graph, tensors)
        if source is None:
            kept.append(operator)
            continue
        target = graph.tensors[operator.outputs[0]]
        tensors[target.index] = replace(source, index=target.index, name=target.name, shape=target.shape)
    if not tensors:
        return graph
    changed = tuple(tensors.get(tensor.index, tensor) for tensor in graph.tensors)
    return replace(graph, tensors=changed, operators=tuple(kept))


def _constant(operator: Operator, graph: Graph, known: dict[int, Tensor]) -> Tensor | None:
    """The constant that an operator passes on as it is; None for all other operators."""
    if operator.name not in _KEEP_VALUES or (len(operator.inputs), len(operator.outputs)) != (1, 1):
        return None
    number = operator.inputs[0]
    if operator.outputs[0] in graph.outputs or number < 0:
        return None
    source = known.get(number, graph.tensors[number])
    return source if source.is_constant else None
