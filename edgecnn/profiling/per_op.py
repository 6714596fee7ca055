"""Where a model's time goes, operator by operator: times from the device, joined with names, costs and limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.boards import published
from edgecnn.core.errors import DeviceError
from edgecnn.core.text import counted
from edgecnn.graph.constants import folded
from edgecnn.graph.cost import Cost, operator_cost
from edgecnn.graph.layer_names import layer_name
from edgecnn.graph.shapes import resolved
from edgecnn.profiling.roofline import Bound, Peaks, bound, peaks
from edgecnn.runtime.model.graph import Graph, Operator
from edgecnn.runtime.model.model_file import AnyFile, ModelFile
from edgecnn.runtime.model.validation import Record

if TYPE_CHECKING:
    from edgecnn.devices import Device

MAX_DIFFERENCE = 0.10


@dataclass(frozen=True)
class OperatorTime(Record):
    """One operator.

    Attributes:
        layer: the Keras layer that it came from, as far as tensor names tell.
        kernel: "XNNPACK", "built-in", "delegate", "constant" (computed once at loading) or "unknown".
        input_shapes: of the activations, e.g. (1, 112, 112, 32).
        number_format: "int8" or "float32": which of the machine's limits applies.
        latency_ms: median; None for what can't be timed on its own.
        share: of the sum of all operators.
        bound: how near to the machine's limit it ran; None where it has no time.
    """

    index: int
    layer: str
    type: str
    kernel: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    number_format: str
    cost: Cost
    latency_ms: float | None
    p95_ms: float | None
    share: float
    bound: Bound | None


@dataclass(frozen=True)
class PerOperator(Record):
    """A model's operators in execution order, and the whole.

    Attributes:
        whole_ms: median of the whole model, timed in interleaved runs with its operators.
        sum_ms: of the operators' medians.
        difference: sum / whole - 1.
        overhead_ms: cost of starting a graph, taken off each operator.
        rounds: turns.
        clock: "processor" (one thread: other programs don't stretch the times) or "wall".
        disturbed: share of the whole model's turns in which the system took the processor away; not counted.
        peaks: the machine's limits; None for an emulated machine.
        published: what others measured of this model on this kind of board, in sentences.
        bound: the whole model against them; its bound is the sum of its operators'.
    """

    DERIVED = ("remarks",)

    model: str
    device: str
    system: dict[str, Any]
    delegate: str
    threads: int
    whole_ms: float
    sum_ms: float
    difference: float
    overhead_ms: float
    rounds: int
    clock: str
    disturbed: float
    operators: tuple[OperatorTime, ...]
    peaks: Peaks | None
    bound: Bound | None
    published: tuple[str, ...] = ()

    @property
    def remarks(self) -> list[str]:
        """What a reader should know, in sentences."""
        lines = [
            f"The latencies of the operators add up to {self.sum_ms:.3f} ms; the whole model takes "
            f"{self.whole_ms:.3f} ms ({self.difference:+.1%})."
        ]
        if self.clock == "processor":
            lines[0] += " Both are processor time; a latency is wall time."
        if not any(row.latency_ms for row in self.operators):
            lines = [f"The whole model takes {self.whole_ms:.3f} ms; none of its operators can be timed individually."]
        elif abs(self.difference) > MAX_DIFFERENCE:
            lines.append(
                "The two differ by more than 10 %: the machine was busy, or the whole model runs differently "
                "from its parts (fused operators, sparse kernels). Trust the shares, not the sum."
            )
        if self.disturbed > 0.2:
            lines.append(
                f"The machine was busy: {self.disturbed:.0%} of the interleaved runs were disturbed and are excluded."
            )
        constant = sum(row.kernel == "constant" for row in self.operators)
        if constant:
            what = counted(constant, "operator")
            lines.append(f"Not listed: {what} with a constant result, computed once when the model is loaded.")
        untimed = [row.type for row in self.operators if row.latency_ms is None]
        if untimed:
            lines.append(f"Not timed individually: {', '.join(sorted(set(untimed)))}.")
        if self.peaks is None or self.bound is None:
            return [
                *lines,
                "EMULATED: these latencies are not representative of a real board, and are not compared with limits.",
            ]
        rates = ", ".join(f"{rate:g} GMAC/s {name}" for name, rate in self.peaks.gmacs.items())
        lines.append(
            f"Limits from {self.peaks.source}: {rates}, {self.peaks.gb_s:g} GB/s. At these limits the model would "
            f"take {self.bound.bound_ms:.2f} ms; it reaches {self.bound.efficiency:.0%} of that speed."
        )
        return lines + list(self.peaks.notes) + list(self.published)


def measure(model: AnyFile, device: Device, **options: Any) -> PerOperator:
    """Time each operator of a model on a device.

    Args:
        model: the model.
        device: where.
        **options: delegate, threads (of several, the first), runs, warmup and budget (seconds) of `edgecnn.runtime`.

    Raises:
        EdgecnnError: the device or the model can't be used.
        MissingExtraError: the library that writes `.tflite` files is missing on this machine.
    """
    from edgecnn.graph.cut import cut  # a 32-bit board reads such times, but can't cut a model

    parts = dataclasses.replace(model, name=f"the operators of {model.name}", data=cut(model))
    if isinstance(options.get("threads"), (list, tuple)):
        options["threads"] = options["threads"][0]
    answer = device.run("per_op", (model, parts), **options)
    if answer.get("needs_files"):
        parts = dataclasses.replace(parts, data=cut(model, files=True))
        answer = device.run("per_op", (model, parts), **options)
    if "times" not in answer:
        raise DeviceError(
            f"{device.name} still asks for separate operator files after receiving them. Report this as a bug."
        )
    return join(model, device.name, answer)


def join(model: AnyFile, device: str, answer: Mapping[str, Any]) -> PerOperator:
    """Join what a device measured with what the file says.

    Args:
        model: the model that was measured.
        device: its name, for people.
        answer: of the job `per_op`: `runtime.per_op.measure` and `system`.

    Raises:
        DeviceError: the times are of other operators than the model's.
    """
    graph, times = resolved(model.model, model.data).graph, answer["times"]
    if [entry["index"] for entry in times["operators"]] != [operator.index for operator in graph.operators]:
        raise DeviceError(
            f"{device} timed other operators than the {len(graph.operators)} of {model.name}. Report this as a bug."
        )
    limits = peaks(answer["system"], times["probe"], times["threads"])
    costs = _costs(graph)
    rows = tuple(
        _row(graph, operator, costs[operator.index], entry, times["sum_ms"], limits)
        for operator, entry in zip(graph.operators, times["operators"])
    )
    kept = ("delegate", "threads", "whole_ms", "sum_ms", "difference", "overhead_ms", "rounds", "clock", "disturbed")
    return PerOperator(
        model=model.name,
        device=device,
        system=dict(answer["system"]),
        operators=rows,
        peaks=limits,
        published=tuple(published(answer["system"], _standard_name(model), _most_of(rows))),
        bound=_whole_bound(rows, times["whole_ms"]) if limits else None,
        **{key: times[key] for key in kept},
    )


def _costs(graph: Graph) -> list[Cost]:
    """Of each operator; nothing for those that compute constants, which belong to the operators that read them."""
    run = folded(graph)
    found = {operator.index: operator_cost(run, operator) for operator in run.operators}
    return [found.get(operator.index, Cost()) for operator in graph.operators]


def _row(
    graph: Graph, operator: Operator, cost: Cost, entry: Mapping[str, Any], sum_ms: float, limits: Peaks | None
) -> OperatorTime:
    ms, number_format = entry["ms"], _number_format(graph, operator)
    inputs = [graph.tensors[number] for number in operator.inputs if number != -1]
    return OperatorTime(
        index=operator.index,
        layer=layer_name(graph, operator),
        type=operator.name,
        kernel=entry["kernel"],
        input_shapes=tuple(tensor.shape for tensor in inputs if not tensor.is_constant),
        output_shapes=tuple(graph.tensors[number].shape for number in operator.outputs),
        number_format=number_format,
        cost=cost,
        latency_ms=ms,
        p95_ms=entry["p95_ms"],
        share=round((ms or 0.0) / sum_ms, 5) if sum_ms else 0.0,
        bound=bound(cost, number_format, ms, limits) if ms and limits else None,
    )


def _number_format(graph: Graph, operator: Operator) -> str:
    """ "int8" where the kernel multiplies bytes: its weights, or else its first input, are 8-bit integers."""
    tensors = [graph.tensors[number] for number in operator.inputs if number != -1]
    weights = [tensor for tensor in tensors[1:2] if tensor.is_constant and tensor.dtype not in ("INT32", "INT64")]
    deciding = [*weights, *tensors, *(graph.tensors[number] for number in operator.outputs)]
    return "int8" if deciding and deciding[0].dtype in ("INT8", "UINT8", "INT4") else "float32"


def _standard_name(model: AnyFile) -> str:
    """The architecture's name, where it has the width and input size that papers give."""
    if not isinstance(model, ModelFile):
        return ""
    arguments = model.contract.model.arguments
    standard = arguments.get("width", 1.0) == 1.0 and arguments.get("input_size", 224) == 224
    return model.contract.name if standard else ""


def _most_of(rows: tuple[OperatorTime, ...]) -> str:
    """The number format of most multiply-accumulates."""
    macs = {kind: sum(row.cost.macs for row in rows if row.number_format == kind) for kind in ("int8", "float32")}
    return max(macs, key=lambda kind: macs[kind])


def _whole_bound(rows: tuple[OperatorTime, ...], whole_ms: float) -> Bound:
    timed = [row for row in rows if row.bound is not None]
    macs, moved = sum(row.cost.macs for row in rows), sum(row.cost.bytes_moved for row in rows)
    bounds = [(row.bound.limit, row.bound.bound_ms) for row in timed if row.bound]
    by_limit = {limit: sum(ms for name, ms in bounds if name == limit) for limit in ("compute", "memory")}
    bound_ms = sum(by_limit.values())
    return Bound(
        limit=max(by_limit, key=lambda limit: by_limit[limit]),
        bound_ms=round(bound_ms, 5),
        efficiency=round(bound_ms / whole_ms, 4),
        gmacs=round(macs / whole_ms / 1e6, 3),
        gb_s=round(moved / whole_ms / 1e6, 3),
    )
