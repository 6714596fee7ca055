"""How much memory a graph's activations need, by the plan of TFLite's own memory planner."""

from __future__ import annotations

from collections.abc import Iterator

from edgecnn.runtime.model.graph import Graph

_ALIGNMENT = 64  # TFLite's kDefaultTensorAlignment
_Block = tuple[int, int, int, int]  # offset, end, first operator, last operator


def planned_bytes(graph: Graph) -> int:
    """Bytes of the arena when tensors that never live together share memory.

    Greedy by size (Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference", algorithm 3):
    the largest tensor first, each into the smallest gap between those placed that live at the same time.
    """
    placed: list[_Block] = []
    lives = sorted(_lives(graph), key=lambda life: (-life[0], life[1]))
    for size, first, last in lives:
        neighbors = sorted(block for block in placed if block[2] <= last and block[3] >= first)
        offset = _best_gap(neighbors, size)
        placed.append((offset, offset + size, first, last))
    return max((end for _, end, _, _ in placed), default=0)


def _lives(graph: Graph) -> Iterator[tuple[int, int, int]]:
    """Aligned size, first and last operator of each activation."""
    count = len(graph.operators)
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys([*graph.inputs, *graph.outputs], count)
    for operator in graph.operators:
        for number in operator.outputs:
            first.setdefault(number, operator.index)
        for number in [*operator.inputs, *operator.outputs]:
            last[number] = max(last.get(number, 0), operator.index)
    for number, start in first.items():
        size = graph.tensors[number].size_bytes
        yield -(-size // _ALIGNMENT) * _ALIGNMENT, start, last[number]


def _best_gap(neighbors: list[_Block], size: int) -> int:
    best, best_room, end = None, None, 0
    for block in neighbors:
        room = block[0] - end
        if room >= size and (best_room is None or room < best_room):
            best, best_room = end, room
        end = max(end, block[1])
    return end if best is None else best
