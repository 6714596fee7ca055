"""Which channels of a Keras graph must be removed together.

A convolution or dense layer starts a new *space* of channels. Everything up to the next such layers works channel by
channel and stays in that space: batch norms, activations, depthwise convolutions, pooling. Element-wise layers
(residual additions, a squeeze-excite's multiplication) join the spaces of their inputs into one *group*. What this file
doesn't know freezes the spaces that it touches, so that an unknown layer costs savings and never correctness.

The idea of deriving groups from the graph: DepGraph, arXiv:2301.12900, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgecnn.core.compat import keras_graph
from edgecnn.graph.layer_kinds import JOINED, KEPT, kind_of

Keep = Mapping[int, np.ndarray]
"""Group number -> which of its channels stay, bool (size,). Groups that are not named stay whole."""


@dataclass(frozen=True)
class Axis:
    """What lies along a channel axis: some spaces one after the other, all of it `repeats` times (after Flatten)."""

    spaces: tuple[int, ...]
    repeats: int = 1


@dataclass(frozen=True)
class Slices:
    """How a layer shrinks with its groups.

    Attributes:
        weights: (position in `get_weights()`, axis of that array) -> what lies along it.
        width: configuration key of the layer's output width ("filters", "units"), if it has one.
        output: what lies along the output's last axis.
    """

    weights: dict[tuple[int, int], Axis]
    width: str | None = None
    output: Axis = Axis(())

    @property
    def consumed(self) -> dict[tuple[int, int], Axis]:
        """Weights along the input's channels, of a layer that starts a new space: without them a channel is unseen."""
        return {place: axis for place, axis in self.weights.items() if self.width and axis is not self.output}

    @property
    def carried(self) -> dict[tuple[int, int], Axis]:
        """The other weights: those that make the channel, or treat it by itself."""
        return {place: axis for place, axis in self.weights.items() if place not in self.consumed}


@dataclass
class Coupling:
    """Spaces, joined into groups, and every weight axis that shrinks with them."""

    layers: dict[str, Slices] = field(default_factory=dict)
    _sizes: list[int] = field(default_factory=list)
    _parents: list[int] = field(default_factory=list)
    _frozen: set[int] = field(default_factory=set)
    _names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, model: Any) -> Coupling:
        """Walk a functional model from its inputs to its outputs."""
        coupling = cls()
        axes: dict[int, Axis] = {}
        calls: dict[str, int] = {}
        for node in keras_graph.nodes(model):
            calls[node.layer.name] = calls.get(node.layer.name, 0) + 1
            given = [axes[id(tensor)] for tensor in node.keras_inputs]
            for tensor in keras_graph.outputs(node):
                axes[id(tensor)] = coupling._walk(node.layer, given, node.keras_inputs, tensor)
        for tensor in (*model.inputs, *model.outputs):
            coupling._freeze([axes[id(tensor)]])
        coupling._freeze_shared({name for name, count in calls.items() if count > 1})
        return coupling

    def group(self, space: int) -> int:
        """The group that a space belongs to."""
        while self._parents[space] != space:
            space = self._parents[space]
        return space

    def prunable(self) -> dict[int, int]:
        """Group -> channel count, of those that may shrink."""
        frozen = {self.group(space) for space in self._frozen}
        return {
            space: size for space, size in enumerate(self._sizes) if self.group(space) == space and space not in frozen
        }

    def name(self, group: int) -> str:
        """The first layer that gives a group its channels."""
        return self._names[group]

    def size(self, axis: Axis) -> int:
        """Length of an axis before pruning."""
        return axis.repeats * sum(self._sizes[space] for space in axis.spaces)

    def kept(self, axis: Axis, keep: Keep) -> np.ndarray:
        """Which positions of an axis stay, bool."""
        parts = [self._mask(space, keep) for space in axis.spaces]
        return np.tile(np.concatenate(parts), axis.repeats)

    def spread(self, axis: Axis, values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """(group, its share) of values along an axis; where the axis repeats, the sum over the repetitions."""
        values = values.reshape(axis.repeats, -1).sum(axis=0)
        start = 0
        for space in axis.spaces:
            end = start + self._sizes[space]
            yield self.group(space), values[start:end]
            start = end

    def _mask(self, space: int, keep: Keep) -> np.ndarray:
        whole = np.ones(self._sizes[space], bool)
        return keep.get(self.group(space), whole)

    def _new(self, size: int, name: str, *, frozen: bool = False) -> Axis:
        space = len(self._sizes)
        self._sizes.append(size)
        self._parents.append(space)
        self._names.append(name)
        if frozen:
            self._frozen.add(space)
        return Axis((space,))

    def _freeze(self, axes: Iterable[Axis]) -> None:
        for axis in axes:
            self._frozen.update(axis.spaces)

    def _freeze_shared(self, names: set[str]) -> None:
        """A layer that is called twice has one set of weights for two places: it stays as it is."""
        for name in names & self.layers.keys():
            slices = self.layers[name]
            self._freeze([slices.output, *slices.weights.values()])

    def _join(self, axes: list[Axis]) -> Axis:
        """Make axes of equal length one; where they are cut differently, freeze them."""
        first = axes[0]
        for other in axes[1:]:
            if self._cuts(first) == self._cuts(other):
                for one, two in zip(first.spaces, other.spaces):
                    one, two = sorted((self.group(one), self.group(two)))
                    self._parents[two] = one
            else:
                self._freeze([first, other])
        return first

    def _cuts(self, axis: Axis) -> tuple[int, ...]:
        return (axis.repeats, *(self._sizes[space] for space in axis.spaces))

    def _walk(self, layer: Any, given: list[Axis], inputs: list[Any], output: Any) -> Axis:
        """Record one call of a layer; returns what lies along its output's last axis."""
        kind = kind_of(layer)
        if kind.name == "InputLayer":
            result = self._new(int(output.shape[-1]), layer.name, frozen=True)
        elif kind.name in _RULES:
            result = _RULES[kind.name](self, layer, given, inputs, output)
        elif kind.channels == KEPT:
            result = self._channelwise(layer, given[0], len(inputs[0].shape))
        elif kind.channels == JOINED:
            # A tensor with one channel is broadcast over the others' (spatial attention): it is not coupled.
            wide = [axis for axis in given if self.size(axis) == int(output.shape[-1])]
            result = self._join(wide)
        else:
            result = self._unknown(layer, given, output)
        return result

    def _channelwise(self, layer: Any, axis: Axis, rank: int) -> Axis:
        if getattr(layer, "axis", None) is not None and not _is_last(layer.axis, rank):
            self._freeze([axis])
        ranks = (len(weight.shape) for weight in layer.weights)
        weights = {(position, rank - 1): axis for position, rank in enumerate(ranks)}
        self.layers[layer.name] = Slices(weights, None, axis)
        return axis

    def _unknown(self, layer: Any, given: list[Axis], output: Any) -> Axis:
        self._freeze(given)
        return self._new(int(output.shape[-1] or 1), layer.name, frozen=True)

    def _convolution(self, layer: Any, given: list[Axis], inputs: list[Any], output: Any) -> Axis:
        if int(layer.groups) != 1:
            return self._unknown(layer, given, output)
        result = self._new(int(layer.filters), layer.name)
        weights = {(0, 2): given[0], (0, 3): result}
        if layer.use_bias:
            weights[1, 0] = result
        self.layers[layer.name] = Slices(weights, "filters", result)
        return result

    def _depthwise(self, layer: Any, given: list[Axis], inputs: list[Any], output: Any) -> Axis:
        if int(layer.depth_multiplier) != 1:
            return self._unknown(layer, given, output)
        weights = {(0, 2): given[0]}
        if layer.use_bias:
            weights[1, 0] = given[0]
        self.layers[layer.name] = Slices(weights, None, given[0])
        return given[0]

    def _separable(self, layer: Any, given: list[Axis], inputs: list[Any], output: Any) -> Axis:
        if int(layer.depth_multiplier) != 1:
            return self._unknown(layer, given, output)
        result = self._new(int(layer.filters), layer.name)
        weights = {(0, 2): given[0], (1, 2): given[0], (1, 3): result}
        if layer.use_bias:
            weights[2, 0] = result
        self.layers[layer.name] = Slices(weights, "filters", result)
        return result

    def _dense(self, layer: Any, given: list[Axis], inputs: list[Any], output: Any) -> Axis:
        result = self._new(int(layer.units), layer.name)
        weights = {(0, 0): given[0], (0, 1): result}
        if layer.use_bias:
            weights[1, 0] = result
        self.layers[layer.name] = Slices(weights, "units", result)
        return result

    def _concatenate(self, layer: Any, given: list[Axis], inputs: list[Any], output: Any) -> Axis:
        if not _is_last(layer.axis, len(output.shape)):
            return self._join(given)
        if any(axis.repeats != 1 for axis in given):
            return self._unknown(layer, given, output)
        return Axis(tuple(space for axis in given for space in axis.spaces))

    def _flatten(self, layer: Any, given: list[Axis], inputs: list[Any], output: Any) -> Axis:
        shape = inputs[0].shape[1:-1]
        if None in shape:
            return self._unknown(layer, given, output)
        return Axis(given[0].spaces, given[0].repeats * math.prod(map(int, shape)))


def _is_last(axis: Any, rank: int) -> bool:
    axes = [axis] if isinstance(axis, int) else list(axis)
    return [int(each) % rank for each in axes] == [rank - 1]


_RULES: dict[str, Callable[[Coupling, Any, list[Axis], list[Any], Any], Axis]] = {
    "Conv2D": Coupling._convolution,
    "DepthwiseConv2D": Coupling._depthwise,
    "SeparableConv2D": Coupling._separable,
    "Dense": Coupling._dense,
    "Concatenate": Coupling._concatenate,
    "Flatten": Coupling._flatten,
}
