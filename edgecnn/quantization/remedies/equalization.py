"""Cross-layer equalization: brings the channels of an activation, which share one grid, to similar ranges.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019: a channel may be
multiplied by s where it is made and divided by s where it is used, and the network computes the same, if nothing but
linear and piecewise linear operators lie between. ReLU6 allows it only as far as no value passes 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgecnn.graph.float_graph import NO_ACTIVATION, RELU, RELU6, FloatGraph, WeightedLayer
from edgecnn.graph.grid import WEIGHT_STEPS
from edgecnn.graph.operator_kinds import kind_of

EXPLODING = 64.0
"""From so many times the median channel on, the largest leaves the others too few steps."""
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST = 64.0  # a channel that hardly ever speaks isn't made louder than this
_OUTLIER = 32.0  # times the median reach
_MARGIN = 1.1  # room under 6 for what the calibration images didn't show
_ROUNDING_GAIN = 0.5  # of the weights' rounding noise is left by `rounding`


@dataclass(frozen=True)
class Channels:
    """What the channels of one activation hold, each (channels,): extremes and mean square."""

    low: np.ndarray
    high: np.ndarray
    power: np.ndarray

    @property
    def reach(self) -> np.ndarray:
        """Largest magnitude."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def ratio(self) -> float:
        """The largest reach to the median of those that aren't 0; 0 if all are."""
        alive = self.reach[self.reach > 0]
        return float(alive.max() / np.median(alive)) if alive.size else 0.0

    def scaled(self, factors: np.ndarray) -> Channels:
        """The same after the channels were multiplied."""
        return Channels(self.low * factors, self.high * factors, self.power * factors**2)


@dataclass
class Group:
    """Activations whose channels must be scaled alike, with the layers that make and use them."""

    tensors: list[int] = field(default_factory=list)
    producers: list[WeightedLayer] = field(default_factory=list)
    consumers: list[WeightedLayer] = field(default_factory=list)


def equalize(
    network: FloatGraph, channels: Mapping[int, Channels], *, per_channel: bool = True, only: int | None = None
) -> dict[int, np.ndarray]:
    """Change a network's weights and biases in place.

    Args:
        network: what to change; it computes the same as before, except where a value passes what was observed.
        channels: of every activation.
        per_channel: whether weights will have a scale per output channel.
        only: leave all activations alone but those that must be scaled like this one.

    Returns:
        The factors of each scaled activation, (channels,).
    """
    factors: dict[int, np.ndarray] = {}
    for group in groups(network):
        if only is not None and only not in group.tensors:
            continue
        scale = _factors(network, group, channels, per_channel)
        if np.ptp(scale) == 0:
            continue
        for layer in group.producers:
            network.set_matrix(layer, network.matrix(layer) * scale.reshape(layer.groups, -1, 1))
            network.set_values(layer.bias, network.values(layer.bias) * scale)
        for layer in group.consumers:
            network.set_matrix(layer, network.matrix(layer) / _by_column(layer, scale))
        factors.update(dict.fromkeys(group.tensors, scale))
    return factors


def groups(network: FloatGraph) -> list[Group]:
    """The sets of activations that can be scaled, in execution order."""
    graph = network.graph
    parent = list(range(len(graph.tensors)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    blocked = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        variable = network.variable_inputs(operator.index)
        if operator.index in network.layers:
            continue
        if _is_transparent(network, operator.index):
            for index in variable:
                parent[root(index)] = root(operator.outputs[0])
        else:
            blocked.update((*variable, *operator.outputs))
    found: dict[int, Group] = {}
    for operator in graph.operators:
        layer = network.layers.get(operator.index)
        for index in operator.outputs:
            found.setdefault(root(index), Group()).tensors.append(index)
        if layer is None:
            continue
        found[root(layer.output)].producers.append(layer)
        if layer.activation not in (NO_ACTIVATION, RELU, RELU6):
            blocked.add(layer.output)
        found.setdefault(root(layer.input), Group()).consumers.append(layer)
    closed = {root(index) for index in blocked}
    return [group for key, group in found.items() if key not in closed and group.producers and group.consumers]


def _is_transparent(network: FloatGraph, number: int) -> bool:
    operator = network.graph.operators[number]
    tensors = network.graph.tensors
    result = tensors[operator.outputs[0]].shape
    variable = network.variable_inputs(number)
    if operator.name == "ADD" and len(variable) != 2:
        return False  # a constant is added that would have to be scaled too
    if operator.name == "ADD" and operator.option(0, "int8") not in (NO_ACTIVATION, RELU):
        return False
    homogeneous = kind_of(operator.name).homogeneous
    return homogeneous and all(tensors[index].shape[-1] == result[-1] for index in variable)


def _by_column(layer: WeightedLayer, scale: np.ndarray) -> np.ndarray:
    """Factors of input channels in the shape of the layer's matrix: (groups, 1, columns)."""
    taps = layer.kernel[0] * layer.kernel[1]
    inputs = scale.reshape(layer.groups, 1, -1)
    return np.tile(inputs, (1, 1, taps))


def _factors(network: FloatGraph, group: Group, channels: Mapping[int, Channels], per_channel: bool) -> np.ndarray:
    reach = np.max([channels[tensor].reach for tensor in group.tensors], axis=0)
    if reach.max() <= 0:
        return np.ones_like(reach)
    # A single channel that is far above all others is made quieter, rather than all others louder.
    anchor = min(reach.max(), _OUTLIER * float(np.median(reach[reach > 0])))
    wanted = np.minimum(anchor / np.maximum(reach, anchor / _MOST), _MOST)
    limit = np.full_like(reach, np.inf)
    if any(layer.activation == RELU6 for layer in group.producers):
        wanted = np.maximum(wanted, 1.0)
        limit = np.maximum(6.0 / np.maximum(reach * _MARGIN, 1e-6), 1.0)
        limit = np.where(reach >= 6.0 * 0.999, 1.0, limit)
    noise = _Noise(network, group, channels, per_channel)
    candidates = [np.minimum(wanted**strength, limit) for strength in _STRENGTHS]
    return min(candidates, key=noise)


class _Noise:
    """All rounding noise in the consumers' outputs, relative to those outputs, as a function of the factors."""

    def __init__(self, network: FloatGraph, group: Group, channels: Mapping[int, Channels], per_channel: bool) -> None:
        self._per_channel = per_channel
        self._activations = [channels[tensor] for tensor in group.tensors]
        self._consumers = [(layer, network.matrix(layer), channels[layer.input].power) for layer in group.consumers]
        self._producers = [(layer, network.matrix(layer), channels.get(layer.input)) for layer in group.producers]
        self._sensitivity = np.sum([_sensitivity(*consumer) for consumer in self._consumers], axis=0)

    def __call__(self, factors: np.ndarray) -> float:
        noise = 0.0
        for activation in self._activations:
            scaled = activation.scaled(factors)
            step = (max(scaled.high.max(), 0.0) - min(scaled.low.min(), 0.0)) / 255
            noise += step**2 / 12 * float((self._sensitivity / factors**2).sum())
        for layer, weights, power in self._consumers:
            scaled_weights = weights / _by_column(layer, factors)
            noise += _weight_noise(layer, scaled_weights, power * factors**2, self._per_channel) / _output_power(
                layer, weights, power
            )
        if not self._per_channel:
            noise += self._producer_noise(factors)
        return noise

    def _producer_noise(self, factors: np.ndarray) -> float:
        noise = 0.0
        for layer, weights, source in self._producers:
            if source is None:
                continue
            step = np.abs(weights * factors.reshape(layer.groups, -1, 1)).max() / WEIGHT_STEPS
            received = _by_column(layer, source.power).sum(axis=2)  # (groups, 1)
            outputs = np.broadcast_to(received, weights.shape[:2]).reshape(-1)
            noise += _ROUNDING_GAIN * step**2 / 12 * float((outputs * self._sensitivity / factors**2).sum())
        return noise


def _output_power(layer: WeightedLayer, weights: np.ndarray, power: np.ndarray) -> float:
    return float((weights**2 * _by_column(layer, power)).sum()) or 1.0


def _sensitivity(layer: WeightedLayer, weights: np.ndarray, power: np.ndarray) -> np.ndarray:
    """What a unit of noise on each input channel does to the output, relative to its power; (channels,)."""
    taps = layer.kernel[0] * layer.kernel[1]
    by_channel = (weights**2).sum(axis=1).reshape(layer.groups, taps, -1).sum(axis=1).reshape(-1)
    result: np.ndarray = by_channel / _output_power(layer, weights, power)
    return result


def _weight_noise(layer: WeightedLayer, weights: np.ndarray, power: np.ndarray, per_channel: bool) -> float:
    steps = np.abs(weights).max(axis=2) if per_channel else np.full(weights.shape[:2], np.abs(weights).max())
    received = _by_column(layer, power).sum(axis=2)
    return float((_ROUNDING_GAIN * (steps / WEIGHT_STEPS) ** 2 / 12 * received).sum())
