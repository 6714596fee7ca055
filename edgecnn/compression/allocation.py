"""How many channels each group loses to meet a cost budget with the least loss of importance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from edgecnn.compression.coupling import Axis, Coupling
from edgecnn.compression.importance import Importance


class Budget:
    """What a pruned network costs, from the cost of each layer before.

    A convolution costs in proportion to the channels that come in and to those that go out, a depthwise one in
    proportion to its channels.

    Args:
        coupling: of the network.
        costs: layer name -> its cost before pruning, in any unit; layers that are missing cost nothing.
    """

    def __init__(self, coupling: Coupling, costs: Mapping[str, float]) -> None:
        self._coupling = coupling
        self._costs = dict(costs)
        self._axes: dict[str, tuple[Axis, ...]] = {}
        self._layers: dict[int, list[str]] = {}
        for name in self._costs:
            slices = coupling.layers.get(name)
            self._axes[name] = tuple(dict.fromkeys(slices.weights.values())) if slices else ()
            groups = {coupling.group(space) for axis in self._axes[name] for space in axis.spaces}
            for group in groups:
                self._layers.setdefault(group, []).append(name)

    def total(self, sizes: Mapping[int, int]) -> float:
        """The network's cost when groups have these channel counts."""
        return sum(self.after(sizes).values())

    def after(self, sizes: Mapping[int, int]) -> dict[str, float]:
        """What each layer costs when groups have these channel counts."""
        return {name: self._cost(name, sizes) for name in self._costs}

    def least(self, sizes: Mapping[int, int], least: Mapping[int, int]) -> float:
        """The network's cost when every group has as few channels as it may."""
        return self.total({group: min(size, least[group]) for group, size in sizes.items()})

    def saving(self, group: int, channels: int, sizes: Mapping[int, int]) -> float:
        """What removing that many more channels of a group saves."""
        fewer = {**sizes, group: sizes[group] - channels}
        return sum(self._cost(name, sizes) - self._cost(name, fewer) for name in self._layers.get(group, ()))

    def touched(self, group: int) -> float:
        """What the layers cost together that shrink with a group."""
        return sum(self._costs[name] for name in self._layers.get(group, ()))

    def _cost(self, name: str, sizes: Mapping[int, int]) -> float:
        return self._costs[name] * math.prod(self._share(axis, sizes) for axis in self._axes[name])

    def _share(self, axis: Axis, sizes: Mapping[int, int]) -> float:
        coupling = self._coupling
        whole = {space: coupling.size(Axis((space,))) for space in axis.spaces}
        return sum(sizes.get(coupling.group(space), size) for space, size in whole.items()) / sum(whole.values())


def allocate(
    sizes: Mapping[int, int],
    importance: Importance,
    budget: Budget,
    target: float,
    least: Mapping[int, int],
    divisor: int = 8,
) -> dict[int, np.ndarray]:
    """Remove the least important channels, `divisor` at a time, where a unit of cost is cheapest in importance.

    Args:
        sizes: channel count of every group that may shrink.
        importance: of every channel of these groups.
        budget: the cost of a network, and the most it may be.
        target: the cost to reach, in the budget's unit.
        least: channel count that each group keeps at least.
        divisor: channel counts that change become multiples of it.

    Returns:
        Group -> which of its channels stay, bool (channels,). When every group is at its least, the network may still
        cost more than the target; see `Budget.least`.
    """
    order = {group: np.argsort(-value, kind="stable") for group, value in importance.items()}
    ranked = {group: np.concatenate([[0.0], np.cumsum(importance[group][order[group]])]) for group in sizes}
    left = dict(sizes)
    cost = budget.total(left)
    while cost > target and (best := _cheapest(left, least, ranked, budget, divisor)):
        group, channels = best
        cost -= budget.saving(group, channels, left)
        left[group] -= channels
    return {group: _mask(order[group], count) for group, count in left.items() if count < sizes[group]}


def _cheapest(
    left: Mapping[int, int],
    least: Mapping[int, int],
    ranked: Mapping[int, np.ndarray],
    budget: Budget,
    divisor: int,
) -> tuple[int, int] | None:
    """(group, channels) of the next cut: the least importance for a unit of cost."""
    best, best_price = None, math.inf
    for group, count in left.items():
        channels = count % divisor or divisor
        if count - channels < least[group]:
            continue
        saved = budget.saving(group, channels, left)
        lost = float(ranked[group][count] - ranked[group][count - channels])
        if saved > 0 and lost / saved < best_price:
            best, best_price = (group, channels), lost / saved
    return best


def _mask(order: np.ndarray, count: int) -> np.ndarray:
    mask = np.zeros(len(order), bool)
    mask[order[:count]] = True
    return mask
