"""Which pixels of the image a unit of a feature map can see.

Two answers, both exact. As if the image had no edges: the region of unit (i, j) is an affine function of i and j, of
a size that doesn't depend on them; this is the published "receptive field" (Araujo, Norris, Sim: Computing Receptive
Fields of Convolutional Neural Networks, Distill 2019: closed form, and arbitrary graphs), and it may be larger than the
image. On the real picture: the first and last row and column that reach each unit, without padding.
Both are hulls: a dilated or strided kernel of one tap leaves holes that are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgecnn.graph.network import Layer, Network, Window
from edgecnn.graph.roles import ATTENTION, POINT, UNKNOWN, WHOLE

_LARGEST_SIDE = 1 << 16
_MOST_TAPS = 1 << 22


@dataclass(frozen=True)
class Axis:
    """One axis of a receptive field.

    Unit j sees pixels stride * j + start ... stride * j + end without edges, and first[j] ... last[j] of the real
    image; first and last have shape (units,).
    """

    stride: int
    start: int
    end: int
    first: np.ndarray
    last: np.ndarray

    @property
    def size(self) -> int:
        """Pixels from the first to the last, both included."""
        return self.end - self.start + 1

    @property
    def center(self) -> float:
        """Center of unit 0's region, in pixels; unit j's is `stride * j` further."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class Reach:
    """What the units of one value see.

    Attributes:
        axes: vertical and horizontal, along the convolutions' path.
        bypass: a squeeze-excite or attention on the way brings in more than that path: `axes` hold its size, and
            `first` and `last` the truth.
        aligned: all paths of every branch have the same center, so that sums and concatenations meet in one place.
    """

    axes: tuple[Axis, Axis]
    bypass: bool = False
    aligned: bool = True

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of units."""
        return (len(self.axes[0].first), len(self.axes[1].first))

    def sees_whole(self, picture: tuple[int, int]) -> float:
        """Share of the units that see every row and column of the image, 0..1."""
        shares = [np.mean((axis.first == 0) & (axis.last == size - 1)) for axis, size in zip(self.axes, picture)]
        return float(shares[0] * shares[1])


def receptive_fields(network: Network) -> dict[int, Reach | None]:
    """The reach of every value; None where an operator on the way is not known.

    Only the first input is taken for the image; what comes from other inputs sees nothing of it.
    """
    picture = network.values[network.inputs[0]].map_size
    if picture is None or not 0 < min(picture) <= max(picture) <= _LARGEST_SIDE:
        return dict.fromkeys(network.values)
    known: dict[int, Reach | None] = {network.inputs[0]: _identity(picture)}
    for layer in network.layers:
        found = _through(layer, network, [known[number] for number in layer.inputs if number in known])
        known.update(dict.fromkeys(layer.outputs, found))
    return {number: known.get(number) for number in network.values}


def _is_computable(window: Window, results: tuple[int, int]) -> bool:
    """Whether a window can be, and its taps are few enough to be listed; a damaged file may claim any."""
    return all(size > 0 and size * max(taps, 1) <= _MOST_TAPS for size, taps in zip(results, window.kernel))


def _is_one_token(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[1] == 1


def _identity(picture: tuple[int, int]) -> Reach:
    rows, columns = (Axis(1, 0, 0, np.arange(size), np.arange(size)) for size in picture)
    return Reach((rows, columns))


def _through(layer: Layer, network: Network, inputs: list[Reach | None]) -> Reach | None:
    reaches = [reach for reach in inputs if reach is not None]
    if layer.mixing == UNKNOWN or not reaches or len(reaches) < len(inputs):
        return None
    if layer.mixing == ATTENTION:
        return _spread(reaches)
    reach = _merged(reaches)
    if reach is None:
        return None
    if layer.mixing == POINT:  # a reshape to tokens and back leaves the units in their order
        return _gathered(reach) if _is_one_token(network.output(layer).shape) else reach
    if layer.mixing == WHOLE:
        return _gathered(reach)
    given, results = network.values[layer.inputs[0]].map_size, network.output(layer).map_size
    if given == (1, 1):
        reach = _gathered(reach)
    if layer.window is None or results is None or given != reach.grid or not _is_computable(layer.window, results):
        return None
    slid = [slide(axis, layer.window, index, results[index]) for index, axis in enumerate(reach.axes)]
    return replace(reach, axes=(slid[0], slid[1]))


def slide(axis: Axis, window: Window, index: int, results: int) -> Axis:
    """The reach of a window's outputs along axis `index` from the reach of its inputs."""
    stride, before, span = window.stride[index], window.before[index], window.reach(index)
    taps = np.arange(results)[:, np.newaxis] * stride - before
    taps = taps + np.arange(window.kernel[index]) * window.dilation[index]
    units = len(axis.first)
    inside = (taps >= 0) & (taps < units)
    taps = taps.clip(0, units - 1)
    beyond = np.iinfo(np.int64).max
    return Axis(
        stride=axis.stride * stride,
        start=axis.start - axis.stride * before,
        end=axis.end + axis.stride * (span - 1 - before),
        first=np.where(inside, axis.first[taps], beyond).min(axis=1),
        last=np.where(inside, axis.last[taps], -1).max(axis=1),
    )


def _spread(reaches: list[Reach]) -> Reach:
    """Attention: the first input's grid (the queries') stays, and each unit sees what any unit of any input sees."""
    reach = reaches[0]
    firsts, lasts = zip(*map(_extremes, reaches))
    first, last = np.min(firsts, axis=0), np.max(lasts, axis=0)
    axes = [
        replace(axis, first=np.full_like(axis.first, first[index]), last=np.full_like(axis.last, last[index]))
        for index, axis in enumerate(reach.axes)
    ]
    return replace(reach, axes=(axes[0], axes[1]), bypass=True)


def _gathered(reach: Reach) -> Reach:
    """One output that sees what all units see."""
    first, last = _extremes(reach)
    axes = [
        Axis(0, axis.start, axis.end + axis.stride * (len(axis.first) - 1), np.array([first[i]]), np.array([last[i]]))
        for i, axis in enumerate(reach.axes)
    ]
    return replace(reach, axes=(axes[0], axes[1]))


def _extremes(reach: Reach) -> tuple[list[int], list[int]]:
    return [int(axis.first.min()) for axis in reach.axes], [int(axis.last.max()) for axis in reach.axes]


def _merged(reaches: list[Reach]) -> Reach | None:
    """Inputs that meet position by position (sum, product, concatenation); a 1 x 1 map is spread over the others."""
    grid = max(reach.grid for reach in reaches)
    maps = [reach for reach in reaches if reach.grid == grid]
    spread = [reach for reach in reaches if reach.grid != grid]
    if any(reach.grid != (1, 1) for reach in spread) or len({_strides(reach) for reach in maps}) > 1:
        return None
    axes = [_hull([reach.axes[index] for reach in maps], [reach.axes[index] for reach in spread]) for index in (0, 1)]
    centers = {tuple(axis.center for axis in reach.axes) for reach in maps}
    return Reach(
        (axes[0], axes[1]),
        bypass=bool(spread) or any(reach.bypass for reach in reaches),
        aligned=len(centers) == 1 and all(reach.aligned for reach in reaches),
    )


def _strides(reach: Reach) -> tuple[int, int]:
    return (reach.axes[0].stride, reach.axes[1].stride)


def _hull(axes: list[Axis], spread: list[Axis]) -> Axis:
    """`axes` of one grid, and `spread` of 1 x 1 maps that reach all of its positions."""
    return Axis(
        stride=axes[0].stride,
        start=min(axis.start for axis in axes),
        end=max(axis.end for axis in axes),
        first=np.min([np.broadcast_to(axis.first, axes[0].first.shape) for axis in (*axes, *spread)], axis=0),
        last=np.max([np.broadcast_to(axis.last, axes[0].last.shape) for axis in (*axes, *spread)], axis=0),
    )
