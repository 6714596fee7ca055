"""Coral Edge TPU: which operators its compiler maps, and why not the others.

The compiler builds one partition: what it can't map stays on the processor, and with it everything that depends on
it. Branches that don't depend on it map, wherever they stand in the file (public pairs: DeepLab's second branch). What
only converts the input, at the very start, stays on the processor without ending the partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecnn.core.errors import ModelFileError
from edgecnn.graph import shapes
from edgecnn.graph.cost import activation_inputs, operator_cost, total_macs
from edgecnn.graph.layer_names import layer_name
from edgecnn.runtime.delegates.coral import CUSTOM_OPERATOR
from edgecnn.runtime.model.graph import Graph, Operator
from edgecnn.runtime.model.tflite import TFLiteModel
from edgecnn.targets import TargetReport, Verdict, edgetpu_keras, edgetpu_limits, edgetpu_memory, edgetpu_rules
from edgecnn.targets.model import TargetModel

NAME = "Edge TPU"
AFTER_REFUSAL = "More than one subgraph is not supported"


def check(model: TFLiteModel, name: str = "model") -> TargetReport:
    """Apply the rules, operator by operator; the result says so, and the memory is an estimate.

    Raises:
        ModelFileError: an operator lacks a tensor that it can't do without; the file is damaged.
    """
    try:
        return _report(model.graph, name)
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise ModelFileError(
            f"{name} is damaged: an operator does not fit its tensors ({error}). Convert the model again."
        ) from error


def warnings(keras_model: Any) -> list[str]:
    """What won't map, by the layers' classes and settings; see `edgecnn.targets.warn_before_training`."""
    return edgetpu_keras.warnings(keras_model, edgetpu_memory.ROOM_HIGH_BYTES)


def compile(model: TargetModel, output: str | Path) -> TargetReport:
    """Compile an int8 model with Coral's `edgetpu_compiler`; see `edgecnn.targets.edgetpu_compiler.compile`."""
    from edgecnn.targets import edgetpu_compiler as compiler

    return compiler.compile(model, output)


def _report(graph: Graph, name: str) -> TargetReport:
    unknown = shapes.unknown(graph)
    compiled = any(operator.name == CUSTOM_OPERATOR for operator in graph.operators)
    rows = tuple(_verdicts(graph, unknown))
    mapped = [graph.operators[row.index] for row in rows if row.mapped]
    return TargetReport(
        target=NAME,
        model=name,
        source="published rules (estimate, not the compiler)",
        operators=rows,
        memory=edgetpu_memory.estimate(graph, mapped),
        mapped_macs_share=None if unknown or compiled else _macs_share(graph, mapped),
        notes=(*edgetpu_limits.may_stay(graph, mapped), *_unchecked(graph, unknown)),
    )


def _macs_share(graph: Graph, mapped: list[Operator]) -> float | None:
    total = total_macs(graph)
    return sum(operator_cost(graph, operator).macs for operator in mapped) / total if total else None


def _unchecked(graph: Graph, unknown: frozenset[int]) -> list[str]:
    if not unknown:
        return []
    count = sum(not unknown.isdisjoint((*operator.inputs, *operator.outputs)) for operator in graph.operators)
    sizes = f"The file does not record the tensor shapes of {count} of its {len(graph.operators)} operators"
    return [f"{sizes}: their size limits were not checked, and their multiply-accumulates were not counted."]


def _verdicts(graph: Graph, unknown: frozenset[int]) -> Iterator[Verdict]:
    converted, refused = set(graph.inputs), set[int]()  # tensors
    for operator in graph.operators:
        found = None if operator.name == CUSTOM_OPERATOR else edgetpu_rules.refusal(graph, operator, unknown)
        reads = {tensor.index for tensor in activation_inputs(graph, operator)}
        if found and operator.name in edgetpu_rules.CONVERSIONS and reads <= converted:
            converted.update(operator.outputs)
        elif found or reads & refused:
            found = found or (AFTER_REFUSAL, "", "")
            refused.update(operator.outputs)
        status, reason, remedy = found or (edgetpu_rules.MAPPED, "", "")
        yield Verdict(operator.index, layer_name(graph, operator), operator.name, not found, status, reason, remedy)
