"""Input ranges of swish, hard-swish and similar activations, chosen by their output error.

Hard-swish makes 0 of all below -3, and swish nearly so of all below -8: what lies there needs no steps. It is the same
least squared error as in `ranges` (Banner et al. 2019), measured one operator later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from edgecnn.graph.activations import Inputs, Read, visit_activations
from edgecnn.graph.edit import Ranges
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.graph.grid import Grid
from edgecnn.quantization.remedies.ranges import BINS, Histogram

_SHARES = np.linspace(1.0, 0.1, 37)  # of the extremes that are tried; the widest of equals comes first

Curve = Callable[[np.ndarray], np.ndarray]


def narrowed(model: bytes, ranges: Ranges, inputs: Inputs) -> dict[int, tuple[float, float]]:
    """For inputs of such curves, the range with the least squared output error, where it differs.

    Hard-swish makes 0 of all below -3, and swish nearly so of all below -8: what lies there needs no steps. Narrower
    ranges for other activations, by the error on themselves, gained nothing on Lite0 (19.3 to 19.4 dB).
    """
    curves = read_by(FloatGraph(model))
    ends = {tensor: (min(low, 0.0), max(high, 0.0)) for tensor, (low, high) in ranges.items() if tensor in curves}
    counts = {tensor: np.zeros(BINS, np.int64) for tensor in ends}
    lock = threading.Lock()

    def count(number: int, read: Read) -> None:
        for tensor, total in counts.items():
            values = np.concatenate((read(tensor).reshape(-1), ends[tensor]))  # the ends make all pictures' bins alike
            found = Histogram.of(values).counts
            with lock:
                total += found

    if not ends:
        return {}
    visit_activations(model, inputs, [count])
    found = {
        tensor: least_error(Histogram(*ends[tensor], total), curves[tensor]) for tensor, total in counts.items()
    }  # fmt: skip
    return {tensor: range_ for tensor, range_ in found.items() if range_ != ends[tensor]}


def least_error(histogram: Histogram, curve: Curve) -> tuple[float, float]:
    """The range with the least squared error of the curve's values; each end moves by itself, the other one given."""
    low, high = histogram.low, histogram.high
    for _ in range(2):
        low = min(histogram.low * _SHARES, key=lambda end: _error(histogram, curve, end, high))
        high = min(histogram.high * _SHARES, key=lambda end: _error(histogram, curve, low, end))
    return float(low), float(high)


def _error(histogram: Histogram, curve: Curve, low: float, high: float) -> float:
    if high <= low:
        return float("inf")
    centers = histogram.centers
    rounded = Grid.of(low, high).nearest(centers)
    return float((histogram.counts * (curve(rounded) - curve(centers)) ** 2).sum())


def read_by(network: FloatGraph) -> dict[int, Curve]:
    """Activations that one kind of curve reads and nothing else, with this curve."""
    readers: dict[int, set[str]] = {}
    for operator in network.graph.operators:
        for tensor in network.variable_inputs(operator.index):
            readers.setdefault(tensor, set()).add(operator.name)
    found = {tensor: CURVES.get(frozenset(kinds)) for tensor, kinds in readers.items()}
    return {tensor: curve for tensor, curve in found.items() if curve is not None}


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 + 0.5 * np.tanh(x / 2))


CURVES: dict[frozenset[str], Curve] = {
    frozenset({"LOGISTIC", "MUL"}): lambda x: x * _sigmoid(x),
    frozenset({"HARD_SWISH"}): lambda x: x * np.clip(x + 3, 0, 6) / 6,
    frozenset({"LOGISTIC"}): _sigmoid,
    frozenset({"TANH"}): np.tanh,
    frozenset({"RELU"}): lambda x: np.maximum(x, 0),
    frozenset({"RELU6"}): lambda x: np.clip(x, 0, 6),
}
