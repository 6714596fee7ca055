"""What every layer of a network costs and sees, and what the whole network adds up to."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from edgecnn.graph import roles
from edgecnn.graph.cost import Cost
from edgecnn.graph.network import Layer, Network
from edgecnn.graph.receptive_field import Reach, receptive_fields
from edgecnn.inspection.record import LayerRecord, NetworkRecord, ReachRecord


@dataclass(frozen=True)
class LayerReport:
    """One layer.

    Attributes:
        layer: the layer itself.
        output_shape: (1, height, width, channels), (1, tokens, channels) or (1, units).
        arithmetic: how its map's size follows from its input's; empty where no window slides.
        reach: what its units see; None where that is not known.
        sees_whole: share of its units that see the whole image, 0..1; None where that is not known.
        regular_macs: for the depthwise half of a depthwise-separable convolution, what one regular convolution in place
            of both halves would cost; otherwise 0.
        separable_macs: what both halves cost together.
    """

    layer: Layer
    output_shape: tuple[int, ...]
    arithmetic: str
    reach: Reach | None
    sees_whole: float | None
    regular_macs: int = 0
    separable_macs: int = 0

    @property
    def saving(self) -> float:
        """How many times cheaper the separable convolution is than a regular one; 0 for other layers."""
        return self.regular_macs / self.separable_macs if self.separable_macs else 0.0

    def record(self) -> LayerRecord:
        """What is written as JSON."""
        window = self.layer.window
        return LayerRecord(
            name=self.layer.name,
            op=self.layer.op,
            output_shape=self.output_shape,
            cost=self.layer.cost,
            kernel=window.kernel if window else None,
            stride=window.stride if window else None,
            dilation=window.dilation if window else None,
            padding=window.padding if window else None,
            padding_before=window.before if window else None,
            padding_after=window.after if window else None,
            arithmetic=self.arithmetic,
            groups=self.layer.groups,
            receptive_field=_reach_record(self.reach) if self.reach else None,
            sees_whole_picture=self.sees_whole,
            regular_macs=self.regular_macs or None,
            extra=dict(self.layer.details),
        )


def _reach_record(reach: Reach) -> ReachRecord:
    return ReachRecord(
        size=tuple(axis.size for axis in reach.axes),
        effective_stride=tuple(axis.stride for axis in reach.axes),
        first_center=tuple(axis.center for axis in reach.axes),
        effective_padding=tuple(-axis.start for axis in reach.axes),
        aligned=reach.aligned,
        beyond_convolutions=reach.bypass,
    )


@dataclass(frozen=True)
class Report:
    """A whole network.

    Attributes:
        network: the graph.
        layers: in the order of execution.
        total: sum of all layers' costs; its bytes are those moved if every tensor went through memory.
        peak_activation_bytes: largest sum of activations that are alive at the same time.
        peak_layer: name of the layer during which that is so.
        contract: the model file's contract as JSON values; empty for a bare model.
    """

    network: Network
    layers: tuple[LayerReport, ...]
    total: Cost
    peak_activation_bytes: int
    peak_layer: str
    contract: dict[str, Any] = field(default_factory=dict)

    @property
    def by_name(self) -> list[LayerReport]:
        """The layers that a name tells apart: of a Keras model those that are called once."""
        calls = Counter(row.layer.name for row in self.layers)
        return [row for row in self.layers if self.network.source != "keras" or calls[row.layer.name] == 1]

    @property
    def last_map(self) -> LayerReport | None:
        """The last layer of the smallest feature map with more than one position: of a detector, of its last level."""
        maps = [row for row in self.by_name if len(row.output_shape) == 4 and math.prod(row.output_shape[1:3]) > 1]
        return min(reversed(maps), key=lambda row: math.prod(row.output_shape[1:3]), default=None)

    @property
    def regular_macs(self) -> int:
        """What the network would cost with a regular convolution in place of every depthwise-separable one."""
        return self.total.macs + sum(row.regular_macs - row.separable_macs for row in self.layers)

    def record(self) -> NetworkRecord:
        """What is written as JSON."""
        last = self.last_map
        return NetworkRecord(
            model=self.network.name,
            source=self.network.source,
            input_shape=self.network.values[self.network.inputs[0]].shape,
            parameters=self.network.parameters,
            parameter_bytes=self.network.parameter_bytes,
            macs=self.total.macs,
            macs_with_regular_convolutions=self.regular_macs,
            bytes_moved=self.total.bytes_moved,
            peak_activation_bytes=self.peak_activation_bytes,
            peak_layer=self.peak_layer,
            last_feature_map=last.record() if last else None,
            contract=self.contract or None,
            layers=tuple(row.record() for row in self.layers),
        )


def analyze(network: Network, contract: dict[str, Any] | None = None) -> Report:
    """Count and trace a network."""
    reaches = receptive_fields(network)
    picture = network.values[network.inputs[0]].map_size
    pairs = separable_pairs(network)
    rows = []
    for index, layer in enumerate(network.layers):
        reach = reaches[layer.outputs[0]] if layer.outputs else None
        regular, separable = pairs.get(index, (0, 0))
        rows.append(
            LayerReport(
                layer=layer,
                output_shape=network.output(layer).shape,
                arithmetic=_arithmetic(network, layer),
                reach=reach,
                sees_whole=reach.sees_whole(picture) if reach and picture else None,
                regular_macs=regular,
                separable_macs=separable,
            )
        )
    peak, where = peak_activations(network)
    return Report(network, tuple(rows), _total(network), peak, where, contract or {})


def _total(network: Network) -> Cost:
    costs = [layer.cost for layer in network.layers]
    return Cost(
        macs=sum(cost.macs for cost in costs),
        parameters=network.parameters,
        parameter_bytes=network.parameter_bytes,
        input_bytes=sum(cost.input_bytes for cost in costs),
        output_bytes=sum(cost.output_bytes for cost in costs),
    )


def _arithmetic(network: Network, layer: Layer) -> str:
    given = network.values[layer.inputs[0]].map_size if layer.inputs else None
    result = network.output(layer).map_size
    if layer.window is None or given is None or result is None:
        return ""
    return layer.window.arithmetic(given, result)


def separable_pairs(network: Network) -> dict[int, tuple[int, int]]:
    """Depthwise-separable convolutions: index of the depthwise layer -> (regular, separable) multiply-accumulates.

    A pair is a depthwise convolution and the 1x1 convolution (or dense layer over channels) that reads it, with only
    layers between that keep every position by itself, a squeeze-excite's gate included; or one layer that is both.
    The regular convolution has the depthwise one's kernel and position and the 1x1 one's channels:
    height * width * kernel^2 * channels * filters against height * width * channels * (kernel^2 + filters), so that
    the saving is 1 / (1/filters + 1/kernel^2) (MobileNet, arXiv:1704.04861, section 3.1).
    """
    pairs = {}
    for index, layer in enumerate(network.layers):
        if layer.window is None or not layer.inputs:  # a convolution of a constant reads no feature map
            continue
        channels = (network.values[layer.inputs[0]].shape or (1,))[-1]
        if layer.role == roles.SEPARABLE:
            regular = network.output(layer).elements * math.prod(layer.window.kernel) * channels
            pairs[index] = (regular, layer.cost.macs)
        elif layer.role == roles.DEPTHWISE:
            pointwise = _pointwise_after(network, index)
            if pointwise is not None:
                regular = network.output(pointwise).elements * math.prod(layer.window.kernel) * channels
                pairs[index] = (regular, layer.cost.macs + pointwise.cost.macs)
    return pairs


def _pointwise_after(network: Network, index: int) -> Layer | None:
    """The first 1x1 convolution that reads a depthwise convolution's result, or None."""
    start = network.output(network.layers[index])
    reached = {start.number}
    for layer in network.layers[index + 1 :]:
        if not reached.intersection(layer.inputs):
            continue
        if _is_pointwise(layer, network):
            return layer
        others = [network.values[number] for number in layer.inputs if number not in reached]
        gates = all(other.map_size == (1, 1) for other in others)
        if layer.mixing == roles.POINT and gates and network.output(layer).shape == start.shape:
            reached.update(layer.outputs)
    return None


def _is_pointwise(layer: Layer, network: Network) -> bool:
    if layer.role == roles.CONVOLUTION and layer.window is not None:
        return layer.window.kernel == layer.window.stride == (1, 1) and layer.groups == 1
    return layer.role == roles.DENSE and layer.mixing == roles.POINT and network.output(layer).map_size is not None


def peak_activations(network: Network) -> tuple[int, str]:
    """The largest sum of activation bytes alive at once, and the layer that then runs.

    A value lives from the layer that writes it to the last that reads it. In-place layers (batch norm, activation,
    reshape) that are the only readers of their input share its memory, as they do once a converter has fused them.
    """
    readers = network.consumers()
    end = len(network.layers)
    last_use = {number: max(indices, default=-1) for number, indices in readers.items()}
    last_use.update(dict.fromkeys(network.outputs, end))
    alive = {number: network.values[number].size_bytes for number in network.inputs}
    peak, where = sum(alive.values()), "the input"
    for index, layer in enumerate(network.layers):
        shared = bool(layer.role == roles.IN_PLACE and layer.inputs) and len(readers[layer.inputs[0]]) == 1
        if shared:
            alive.pop(layer.inputs[0], None)
        alive.update({number: network.values[number].size_bytes for number in layer.outputs})
        if sum(alive.values()) > peak:
            peak, where = sum(alive.values()), layer.name
        alive = {number: size for number, size in alive.items() if last_use[number] > index}
    return peak, where
