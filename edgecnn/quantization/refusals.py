"""Rejects, with the reason, models that would fail only on the board."""

from __future__ import annotations

from edgecnn.core.errors import QuantizationError
from edgecnn.core.text import counted
from edgecnn.graph.operator_kinds import kind_of
from edgecnn.runtime.model.graph import FLOAT_TYPES, Graph
from edgecnn.runtime.model.tflite import OPERATOR_NAMES, parse


def check(model: bytes, *, integer: bool) -> None:
    """Look through a converted model.

    Args:
        model: `.tflite` bytes.
        integer: whether no float computation may be left in it.

    Raises:
        QuantizationError: it has operators that boards lack, free dimensions, or float operators where none may be.
    """
    graph = parse(model).graph
    foreign = sorted({operator.name for operator in graph.operators if operator.name not in OPERATOR_NAMES})
    if foreign:
        raise QuantizationError(
            f"The model needs operators that a board's TFLite runtime does not have: {', '.join(foreign)}. "
            "Replace the layers that make these Select-TF or custom operators."
        )
    free = [tensor.name for tensor in graph.tensors if -1 in tensor.signature]
    if free:
        raise QuantizationError(
            f"The model has {counted(len(free), 'tensor')} whose shape is known only at run time (the first is "
            f"{free[0]!r}). Give the model a fixed input size."
        )
    floats = float_operators(graph) if integer else []
    if floats:
        raise QuantizationError(
            f"{counted(len(floats), 'operator')} would remain in float: "
            f"{', '.join(floats[:5])}{' ...' if len(floats) > 5 else ''}. An int8 accelerator can't run them, and "
            "a CPU runs them slowly. Replace these layers, or use --scheme dynamic_int8 or float16."
        )


def float_operators(graph: Graph) -> list[str]:
    """Operators that compute in float, as "TYPE (tensor name)"; conversions at the model's border don't count."""
    border = {*graph.inputs, *graph.outputs}
    found = []
    for operator in graph.operators:
        tensors = [index for index in (*operator.inputs, *operator.outputs) if index >= 0]
        floats = [index for index in tensors if graph.tensors[index].dtype in FLOAT_TYPES]
        if floats and not (kind_of(operator.name).converts and border.issuperset(floats)):
            found.append(f"{operator.name} ({graph.tensors[operator.outputs[0]].name})")
    return found
