"""Detectors by others: a `.tflite` that ends in TFLite_Detection_PostProcess, with its outputs in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .flexbuffer import read_map
from .graph import Graph, Operator
from .label_file import check_count, is_background

POSTPROCESS = "TFLite_Detection_PostProcess"
ORDER = "output_order"
"""Of a contract's further keys: which outputs are boxes, classes, scores and count."""


def postprocess(graph: Graph) -> Operator | None:
    """The operator that gives the graph's four outputs; None for a graph that ends otherwise."""
    for operator in graph.operators:
        if operator.name == POSTPROCESS and sorted(operator.outputs) == sorted(graph.outputs):
            return operator if len(operator.outputs) == 4 else None
    return None


def output_order(graph: Graph) -> tuple[int, ...] | None:
    """Places of boxes, classes, scores and count among the graph's outputs, as the operator itself has them."""
    operator = postprocess(graph)
    return tuple(graph.outputs.index(number) for number in operator.outputs) if operator else None


def ordered(items: Any, extra: dict[str, Any]) -> list[Any]:
    """Outputs as boxes, classes, scores and count.

    Args:
        items: one for each output.
        extra: of the contract.
    """
    order = extra.get(ORDER)
    valid = isinstance(order, (list, tuple)) and sorted(map(str, order)) == sorted(map(str, range(len(items))))
    return [items[int(place)] for place in order] if valid and order else list(items)


def class_names(labels: Sequence[str], graph: Graph, name: str) -> tuple[str, ...]:
    """Labels in the order of the operator's classes, which count from the first that is not the background.

    TensorFlow's own label maps begin with `???`, its background; without that line each class would be called like
    the one before it.

    Raises:
        ModelFileError: their number is not that of the classes.
    """
    operator = postprocess(graph)
    classes = (read_map(operator.custom) or {}).get("num_classes") if operator and operator.custom else None
    if not isinstance(classes, int) or not labels:
        return tuple(labels)
    named = tuple(labels[1:] if len(labels) == classes + 1 and is_background(labels[0]) else labels)
    check_count(named, classes, name)
    return named
