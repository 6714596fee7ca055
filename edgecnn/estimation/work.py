"""What each operator of a graph has to do, in amounts that a latency law has a price for.

An amount has a name `KIND.UNIT`, for example `gemm.macs` or `ADD.elements`: the kind is the kernel that does the work,
or TFLite's name of an operator that is bound by memory. Numbers of elements, not bytes: the price depends on the
number format anyway.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from edgecnn.graph import roles
from edgecnn.graph.cost import Cost
from edgecnn.graph.network import Layer, Network, Value
from edgecnn.runtime.model.foreign_detector import POSTPROCESS

FEW_CHANNELS = 4  # of an image: a convolution of so few has little to multiply per output
CACHE_WEIGHTS = {"gemm.weights over 256k": 1 << 18, "gemm.weights over 1M": 1 << 20}
"""Weights beyond which a layer's leave a second-level cache of 1 MB, in 4 bytes and in 1 byte each."""
FREE = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
"""Operators that move nothing: their output is their input under another shape."""
BEHIND = frozenset({POSTPROCESS, "CONCATENATION", "LOGISTIC"})
"""Operators of a detector that no law has a price for: estimates are without them where they stand behind its last
convolution, and take little."""
ANSWER = "SOFTMAX.elements"
"""The amount of what makes probabilities of logits."""
FEW_CLASSES = 20_000
"""Elements that it reads and writes there; attention has more."""
_WEIGHTED = (roles.CONVOLUTION, roles.DEPTHWISE, roles.DENSE)
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
_FORMATS = {"FLOAT32": "float32", "INT8": "int8", "UINT8": "int8"}
FORMATS = ("float32", "int8")
"""Number formats that a float model can be estimated in."""


@dataclass(frozen=True)
class Work:
    """One operator's.

    Attributes:
        name: of the layer.
        op: TFLite's name of the operator.
        number_format: "float32", "int8", or what else it computes in, e.g. "int16" or "dynamic_int8".
        amounts: how much of what, by name; see the module.
    """

    name: str
    op: str
    number_format: str
    amounts: Mapping[str, float]


def work_of(network: Network) -> tuple[Work, ...]:
    """The work of a `.tflite` network's operators, without those that are free, and without those that are `left_out`.

    Conversions between the caller's number format and the model's own are left out: they are at the graph's ends only,
    and a model that was not quantized yet doesn't have them.
    """
    without = _behind(network)
    ends = {*network.inputs, *network.outputs, *(number for layer in without for number in layer.inputs)}
    return tuple(
        Work(layer.name, layer.op, _number_format(network, layer), dict(_amounts(network, layer)))
        for layer in network.layers
        if layer.op not in FREE and layer not in without and layer.outputs
        if not (layer.op in _CONVERSIONS and ends & {*layer.inputs, *layer.outputs})
    )


def left_out(network: Network) -> tuple[str, ...]:
    """Operators that are not in `work_of`, though they take time."""
    return tuple(sorted({layer.op for layer in _behind(network)}))


def _behind(network: Network) -> list[Layer]:
    """Of `BEHIND`, those whose results no convolution and no dense layer reads; of detectors, with several outputs."""
    if len(network.outputs) == 1:
        return []
    read: set[int] = set()
    found = []
    for layer in reversed(network.layers):
        if layer.role in _WEIGHTED or read & {*layer.outputs}:
            read.update(layer.inputs)
        elif layer.op in BEHIND:
            found.append(layer)
    return found


def _number_format(network: Network, layer: Layer) -> str:
    """What an operator computes in: its output's format, or its input's where that is quantized (DEQUANTIZE)."""
    types = [network.values[number].dtype for number in (*layer.outputs, *layer.inputs)]
    formats = [_FORMATS.get(dtype, dtype.lower()) for dtype in types]
    if layer.details.get("weight_type", "") in ("INT8", "INT4", "UINT8") and formats[0] == "float32":
        return "dynamic_int8"
    return "int8" if layer.op in _CONVERSIONS and "int8" in formats else formats[0]


def _amounts(network: Network, layer: Layer) -> Iterator[tuple[str, float]]:
    yield "operator.count", 1.0
    given = network.values[layer.inputs[0]] if layer.inputs else Value(-1, (), 0)
    result = network.output(layer)
    if layer.role == roles.DEPTHWISE and layer.window:
        yield from _depthwise(layer, given, result)
    elif layer.role == roles.CONVOLUTION and layer.window:
        yield from _convolution(layer, given, result)
    elif layer.role == roles.DENSE:
        yield from _dense(layer.cost, given, result)
    elif layer.op == "AVERAGE_POOL_2D" and layer.window and layer.window.kernel == given.map_size:
        yield "MEAN.elements", float(_moved(network, layer))  # a window as large as its map is the mean of it
    else:
        taps = math.prod(layer.window.kernel) if layer.window and layer.role == roles.POOLING else 1
        yield f"{layer.op}.elements", float(_moved(network, layer) + (taps - 1) * result.elements)


def _moved(network: Network, layer: Layer) -> int:
    return sum(network.values[number].elements for number in (*layer.inputs, *layer.outputs))


def _convolution(layer: Layer, given: Value, result: Value) -> Iterator[tuple[str, float]]:
    assert layer.window is not None
    if layer.groups > 1 or layer.window.dilation != (1, 1):
        kind = "grouped" if layer.groups > 1 else "dilated"
        yield f"{kind} convolution.macs", float(layer.cost.macs)
        return
    taps, stride = math.prod(layer.window.kernel), math.prod(layer.window.stride)
    if given.map_size == (1, 1):
        yield from _dense(layer.cost, given, result)
    elif given.shape[-1] <= FEW_CHANNELS:
        yield "image.macs", float(layer.cost.macs)
        yield "gemm.inputs", layer.cost.macs / result.shape[-1]
        yield "gemm.outputs", float(result.elements)
    else:
        # Each input is packed for as many windows as read it.
        yield from _gemm(layer.cost, given.elements * max(taps / stride, 1.0), result)


def _gemm(cost: Cost, inputs: float, result: Value) -> Iterator[tuple[str, float]]:
    yield "gemm.macs", float(cost.macs)
    yield "gemm.inputs", inputs
    yield "gemm.outputs", float(result.elements)
    yield "gemm.weights", float(cost.parameters)
    for name, limit in CACHE_WEIGHTS.items():
        yield name, cost.parameters * min(1.0, cost.parameters / limit)


def _depthwise(layer: Layer, given: Value, result: Value) -> Iterator[tuple[str, float]]:
    assert layer.window is not None
    side = max(layer.window.kernel)
    kind = f"depthwise {side}x{side}" if layer.window.dilation == (1, 1) else "dilated depthwise"
    yield f"{kind}.macs", float(layer.cost.macs)
    yield "depthwise.elements", float(given.elements + result.elements)
    yield "depthwise.positions", result.elements / result.shape[-1]


def _dense(cost: Cost, given: Value, result: Value) -> Iterator[tuple[str, float]]:
    rows = math.prod(given.shape[:-1])
    if rows > 1 and rows == math.prod(result.shape[:-1]):
        yield from _gemm(cost, float(given.elements), result)
    else:
        yield "dense.weights", float(cost.parameters)


Totals = dict[str, dict[str, float]]
"""Amounts of a whole model by number format."""


def totals(works: Iterable[Work]) -> Totals:
    """The amounts of several operators added up."""
    found: Totals = {}
    for work in works:
        sums = found.setdefault(work.number_format, {})
        for name, amount in work.amounts.items():
            sums[name] = sums.get(name, 0.0) + amount
    return found
