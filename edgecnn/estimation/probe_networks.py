"""The networks that a device is probed with: blocks of the common families, in sizes from a few to many channels.

Four small networks in each number format, so that every price has operators of many shapes that depend on it, and the
whole of a network tells what its operators cost one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from edgecnn.estimation.probe_graph import ProbeGraph
from edgecnn.estimation.work import FORMATS
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.model_file import AnyFile


def _separable(graph: ProbeGraph) -> int:
    """Depthwise 3x3 and 1x1 convolutions, as in MobileNet V1: few operators, many channels, large weights."""
    flow = graph.conv(graph.image(192), 16, 3, 2)
    plan = ((24, 1), (48, 2), (96, 1), (128, 2), (192, 1), (256, 2), (384, 1), (512, 1), (768, 2), (1024, 1))
    for filters, stride in plan:
        flow = graph.conv(graph.depthwise(flow, 3, stride), filters)
    return graph.dense(graph.mean(flow), 1000)


def _inverted(graph: ProbeGraph) -> int:
    """Inverted residuals, as in MobileNet V2 and EfficientNet-Lite: many operators, thin and wide in turn."""
    flow = graph.conv(graph.image(192), 32, 3, 2)
    flow = graph.conv(graph.depthwise(flow), 16, relu6=False)
    plan = ((24, 6, 3, 2), (24, 6, 3, 1), (40, 6, 5, 2), (40, 4, 5, 1), (80, 6, 3, 2), (112, 6, 5, 1), (192, 6, 5, 2))
    for filters, expansion, kernel, stride in plan:
        flow = _inverted_block(graph, flow, filters, expansion, kernel, stride)
    return graph.dense(graph.mean(graph.conv(flow, 1280)), 100)


def _inverted_block(graph: ProbeGraph, flow: int, filters: int, expansion: int, kernel: int, stride: int) -> int:
    inner = graph.depthwise(graph.conv(flow, graph.channels(flow) * expansion), kernel, stride)
    result = graph.conv(inner, filters, relu6=False)
    return graph.binary("ADD", flow, result) if graph.shape(flow) == graph.shape(result) else result


def _gated(graph: ProbeGraph) -> int:
    """Squeeze-and-excite, hard-swish and swish, as in MobileNet V3 and EfficientNet."""
    flow = graph.unary("HARD_SWISH", graph.conv(graph.image(128), 16, 3, 2, relu6=False))
    for filters, kernel, stride, swish in ((16, 3, 2, False), (40, 5, 2, True), (64, 3, 1, False), (96, 5, 2, True)):
        inner = _activated(graph, graph.conv(flow, graph.channels(flow) * 4, relu6=False), swish)
        inner = _activated(graph, graph.depthwise(inner, kernel, stride, relu6=False), swish)
        channels = graph.channels(inner)
        squeezed = graph.conv(graph.mean(inner, keep=True), max(8, channels // 4))
        gate = graph.unary("LOGISTIC", graph.conv(squeezed, channels, relu6=False))
        flow = graph.conv(graph.binary("MUL", inner, gate), filters, relu6=False)
    return graph.unary("SOFTMAX", graph.dense(graph.mean(flow), 1000))


def _activated(graph: ProbeGraph, flow: int, swish: bool) -> int:
    return graph.binary("MUL", flow, graph.unary("LOGISTIC", flow)) if swish else graph.unary("HARD_SWISH", flow)


def _dense_convolutions(graph: ProbeGraph) -> int:
    """3x3 convolutions, pooling, concatenation and large kernels, as in ResNet, VGG and GoogLeNet."""
    flow = graph.conv(graph.pad(graph.image(96)), 24, 7, 2)
    flow = graph.pool("MAX_POOL_2D", flow, 3, 2)
    for filters, stride in ((48, 1), (96, 2), (96, 1), (192, 2)):
        short = graph.conv(flow, filters, 1, stride, relu6=False)
        inner = graph.conv(graph.conv(flow, filters, 3, stride), filters, 3, relu6=False)
        flow = graph.unary("RELU", graph.binary("ADD", inner, short))
    branches = [graph.conv(flow, 48), graph.conv(flow, 32, 3), graph.conv(graph.pool("MAX_POOL_2D", flow, 3, 1), 16)]
    joined = graph.pool("AVERAGE_POOL_2D", graph.concatenation(branches), 2, 2)
    return graph.dense(graph.mean(joined), 1000)


NETWORKS: dict[str, Callable[[ProbeGraph], int]] = {
    "separable": _separable,
    "inverted": _inverted,
    "gated": _gated,
    "dense": _dense_convolutions,
}


def probes(names: Iterable[str] = tuple(NETWORKS)) -> Iterator[tuple[str, AnyFile]]:
    """Number format and file of each network."""
    for name in names:
        for number_format in FORMATS:
            graph = ProbeGraph(number_format)
            data = graph.build(NETWORKS[name](graph))
            yield number_format, model_file.any_from_bytes(data, f"probe {name} {number_format}")
