"""Coral Edge TPU: which operators its compiler maps, and why not the others.

The rules are Coral's published ones ("TensorFlow models on the Edge TPU", table of supported operations) and what
users' compiler logs show. The compiler builds one partition: it takes what it can from the first operator on, and the
first one that it can't, with everything after it, stays on the processor. Only what converts a float input at the very
start may stay there without ending the partition.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.graph.cost import operator_cost, total_macs
from edgecnn.graph.layer_names import layer_name
from edgecnn.runtime.delegates.coral import CUSTOM_OPERATOR
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.tflite import FLOAT_TYPES, Graph, Operator, Tensor, TFLiteModel
from edgecnn.targets import Memory, TargetReport, Verdict, edgetpu_rules
from edgecnn.targets.edgetpu_rules import MAPPED

NAME = "Edge TPU"
AFTER_REFUSAL = "More than one subgraph is not supported"
MIB = 1 << 20
# What compiler logs show as room for parameters, by model.
ON_CHIP_LOW_BYTES, ON_CHIP_HIGH_BYTES = int(5.6 * MIB), int(7.9 * MIB)


@dataclass(frozen=True)
class _Refusal:
    status: str
    reason: str
    remedy: str


def check(model: TFLiteModel, name: str = "model") -> TargetReport:
    """Apply the rules, operator by operator; the result says so, and the memory is an estimate."""
    graph = model.graph
    rows = tuple(_verdicts(graph))
    mapped = [graph.operators[row.index] for row in rows if row.mapped]
    macs, total = sum(operator_cost(graph, operator).macs for operator in mapped), total_macs(graph)
    return TargetReport(
        target=NAME,
        model=name,
        source="published rules (estimate, not the compiler)",
        operators=rows,
        memory=estimate_memory(graph, mapped),
        mapped_macs_share=macs / total if total else None,
        notes=edgetpu_rules.may_stay(mapped),
    )


def estimate_memory(graph: Graph, operators: list[Operator]) -> Memory:
    """Parameters against the chip's about 8 MB, part of which holds instructions."""
    needed = sum(operator_cost(graph, operator).parameter_bytes for operator in operators)
    streamed = max(0, needed - ON_CHIP_HIGH_BYTES)
    size = f"Estimate: {needed / MIB:.2f} MiB of parameters"
    room = f"{ON_CHIP_LOW_BYTES / MIB:.1f} to {ON_CHIP_HIGH_BYTES / MIB:.1f} MiB on the chip"
    if needed <= ON_CHIP_LOW_BYTES:
        note = f"{size} fit into the {room}."
    elif not streamed:
        note = f"{size} may not all fit into the {room}; what doesn't is read over the bus at every inference."
    else:
        note = f"{size}; {room}: at least {streamed / MIB:.2f} MiB are read over the bus at every inference."
    return Memory(needed, needed - streamed, streamed, estimated=True, note=note)


def warnings(keras_model: Any) -> list[str]:
    """What won't map, by the layers' classes and settings; see `edgecnn.targets.warn_before_training`."""
    return edgetpu_rules.keras_warnings(keras_model, ON_CHIP_HIGH_BYTES)


def compile(file: ModelFile, output: str | Path) -> TargetReport:
    """Compile an int8 model with Coral's `edgetpu_compiler`; see `edgecnn.targets.edgetpu_compiler.compile`."""
    from edgecnn.targets import edgetpu_compiler as compiler

    return compiler.compile(file, output)


def _verdicts(graph: Graph) -> Iterator[Verdict]:
    refused = started = False
    for operator in graph.operators:
        refusal = _refusal(graph, operator)
        if refused and refusal is None:
            refusal = _Refusal(AFTER_REFUSAL, "", "")
        if refusal is None:
            started = True
        elif started or not _converts_float_input(graph, operator):
            refused = True
        status, reason, remedy = (
            (MAPPED, "", "") if refusal is None else (refusal.status, refusal.reason, refusal.remedy)
        )
        yield Verdict(
            operator.index, layer_name(graph, operator), operator.name, refusal is None, status, reason, remedy
        )


def _converts_float_input(graph: Graph, operator: Operator) -> bool:
    """A float QUANTIZE at the start stays on the processor, and the partition begins after it."""
    return operator.name == "QUANTIZE" and graph.tensors[operator.inputs[0]].dtype in FLOAT_TYPES


def _refusal(graph: Graph, operator: Operator) -> _Refusal | None:
    """Why an operator by itself is not mapped."""
    if operator.name == CUSTOM_OPERATOR:
        return None  # compiled already
    found = (
        edgetpu_rules.unsupported(operator)
        or _wrong_type(graph, operator)
        or _wrong_shape(graph, operator)
        or edgetpu_rules.limitation(graph, operator)
        or edgetpu_rules.wrong_version(operator)
    )
    return _Refusal(*found) if found else None


def _tensors(graph: Graph, operator: Operator) -> list[Tensor]:
    """All that an operator computes with; arguments (shapes, axes) and biases are left out."""
    numbers = [*(number for number in operator.inputs if number != -1), *operator.outputs]
    tensors = [graph.tensors[number] for number in numbers]
    return [tensor for tensor in tensors if not (tensor.is_constant and tensor.dtype in ("INT32", "INT64", "BOOL"))]


def _wrong_type(graph: Graph, operator: Operator) -> tuple[str, str, str] | None:
    for tensor in _tensors(graph, operator):
        if tensor.dtype in ("INT8", "UINT8"):
            continue
        reason = f"it works on {tensor.dtype} ({tensor.name.split(';')[0]!r}); expected INT8 or UINT8."
        edges = "Quantize with --io uint8: a float input or output leaves its conversion on the processor."
        whole = "Quantize the whole model: edgecnn quantize MODEL --scheme int8."
        at_edge = operator.name in ("QUANTIZE", "DEQUANTIZE")
        return edgetpu_rules.WRONG_TYPE, reason, edges if at_edge else whole
    return None


def _wrong_shape(graph: Graph, operator: Operator) -> tuple[str, str, str] | None:
    for tensor in _tensors(graph, operator):
        if -1 in tensor.signature and not tensor.is_constant:
            reason = (
                f"{tensor.name.split(';')[0]!r} has the free shape {list(tensor.signature)}; expected fixed numbers."
            )
            remedy = "Convert the model with a batch of 1 (edgecnn quantize does)."
            return edgetpu_rules.UNSPECIFIED, reason, remedy
        if not tensor.is_constant and math.prod(tensor.shape[:-3]) != 1:
            reason = f"the shape {list(tensor.shape)} is larger than 1 outside of its innermost three dimensions."
            return edgetpu_rules.UNSPECIFIED, reason, "Reshape or split it so that height, width and channels remain."
    return None
