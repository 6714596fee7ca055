"""Single remedies for int8 that have no level of `edgecnn.quantize.improve`: rungs of the ladder."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from edgecnn.errors import QuantizationError
from edgecnn.quantize._activations import Read, visit_activations
from edgecnn.quantize._flatbuffer import Ranges
from edgecnn.quantize._scheme import Job, quantize_with_ranges
from edgecnn.quantize.improve import Pictures, equalization, improve
from edgecnn.quantize.improve._network import Network
from edgecnn.quantize.improve._observe import observe_channels
from edgecnn.quantize.improve.ranges import BINS, Histogram

_TIMES = 64.0  # the median channel; what `edgecnn doctor` calls exploding
_PICTURES = 48
_SHARES = np.linspace(1.0, 0.1, 37)  # of the extremes that are tried; the widest of equals comes first

Curve = Callable[[np.ndarray], np.ndarray]


def with_ranges(job: Job) -> bytes:
    """Weights rounded to nearest; activations with the ranges of `narrowed`.

    Raises:
        QuantizationError: no activation needs less than its extremes.
    """
    model, ranges = job.prepare(True)
    found = narrowed(model, ranges, job)
    if not found:
        raise QuantizationError("what reads the activations needs all of their ranges")
    return quantize_with_ranges(model, {**ranges, **found}, job.io, per_channel=True)


def narrowed(model: bytes, ranges: Ranges, job: Job) -> dict[int, tuple[float, float]]:
    """For activations that a curve reads, the range with the least squared error behind the curve, if it is another.

    Hard-swish makes 0 of all below -3, and swish nearly so of all below -8: what lies there needs no steps. Narrower
    ranges for other activations, by the error on themselves, gained nothing on Lite0 (19.3 to 19.4 dB).
    """
    curves = _curves(Network(model))
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
    visit_activations(model, job.inputs(), [count])
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
    step, centers = (high - low) / 255, histogram.centers
    zero = round(-low / step)
    rounded = (np.clip(np.rint(centers / step) + zero, 0, 255) - zero) * step
    return float((histogram.counts * (curve(rounded) - curve(centers)) ** 2).sum())


def _curves(network: Network) -> dict[int, Curve]:
    """Activations that one kind of curve reads and nothing else, with this curve."""
    readers: dict[int, set[str]] = {}
    for operator in network.graph.operators:
        for tensor in network.variable_inputs(operator.index):
            readers.setdefault(tensor, set()).add(operator.name)
    found = {tensor: _CURVES.get(frozenset(kinds)) for tensor, kinds in readers.items()}
    return {tensor: curve for tensor, curve in found.items() if curve is not None}


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 + 0.5 * np.tanh(x / 2))


_CURVES: dict[frozenset[str], Curve] = {
    frozenset({"LOGISTIC", "MUL"}): lambda x: x * _sigmoid(x),
    frozenset({"HARD_SWISH"}): lambda x: x * np.clip(x + 3, 0, 6) / 6,
    frozenset({"LOGISTIC"}): _sigmoid,
    frozenset({"TANH"}): np.tanh,
    frozenset({"RELU"}): lambda x: np.maximum(x, 0),
    frozenset({"RELU6"}): lambda x: np.clip(x, 0, 6),
}


def equalized(job: Job) -> bytes:
    """Channels that dwarf all others are scaled down where they are made; then as `--improve fast`.

    Only these: equalizing every activation costs Lite0 8 dB where each output channel has a scale of its own.

    Raises:
        QuantizationError: no channel does, or none that can be scaled.
    """
    inputs = list(job.inputs())
    pictures = Pictures(lambda: iter(inputs), len(inputs))
    network = Network(job.model.float32)
    channels = observe_channels(network, pictures.some(_PICTURES))
    changed = 0
    for tensor, found in channels.items():
        reach = found.reach[found.reach > 0]
        if reach.size >= 4 and reach.max() > _TIMES * np.median(reach):
            changed += len(equalization.equalize(network, channels, only=tensor))
            channels = observe_channels(network, pictures.some(_PICTURES))
    if not changed:
        raise QuantizationError(f"No channel that could be scaled is {_TIMES:.0f} times as large as the others.")
    improved = improve(network.to_bytes(), pictures, "fast")
    return quantize_with_ranges(improved.model, improved.ranges, job.io, per_channel=True)


VARIANTS: dict[str, Callable[[Job], bytes]] = {"ranges": with_ranges, "equalized": equalized}
