"""Improves layer by layer, each on inputs from the quantized layers before it."""

from __future__ import annotations

import numpy as np

from edgecnn.core.progress import Progress
from edgecnn.graph.edit import Ranges
from edgecnn.graph.float_graph import FloatGraph, WeightedLayer
from edgecnn.graph.grid import Grid
from edgecnn.graph.operator_kinds import kind_of
from edgecnn.graph.replay import Values, run
from edgecnn.quantization import own_grid
from edgecnn.quantization.observation import logits_of
from edgecnn.quantization.remedies import bias_correction, curves, ranges, rounding
from edgecnn.quantization.remedies.ranges import Histogram
from edgecnn.quantization.statistics import moments, positions, windows

_WINDOWS = 8192  # sampled inputs of a layer, over all images
_GROUPED_WINDOWS = 2048  # the same where each output sees a few inputs only
_TRIED_WINDOWS = 2048  # of them to choose a range by
_UNIT_GRID = Grid(1 / 256, 0)  # TFLite fixes it


class InOrder:
    """The float network and the improved one, side by side over all images.

    Args:
        network: changed in place.
        pictures: float32 (images, height, width, channels).
        known: (min, max) of the input and of every activation.
        per_channel: whether every output channel has a weight scale of its own.

    Attributes:
        ranges: those that were chosen on the way.
    """

    def __init__(self, network: FloatGraph, pictures: np.ndarray, known: Ranges, per_channel: bool) -> None:
        self._network = network
        self.ranges = dict(known)
        self._per_channel = per_channel
        self._curves = curves.read_by(network)
        self._by_probabilities = {*network.graph.outputs, *logits_of(network.graph)}  # their ranges are known
        source = network.graph.inputs[0]
        grid = Grid.of(*known[source])
        self._float = {source: Values(pictures)}
        self._quantized = {source: Values(grid.encode(pictures), grid)}

    def run(self, progress: Progress) -> Ranges:
        """Go through all operators; returns the ranges that were chosen."""
        total = len(self._network.graph.operators)
        for number in range(total):
            progress("Rounding", number, total)
            inputs = self._network.variable_inputs(number)
            if inputs and number in self._network.layers:
                self._step(self._network.layers[number], inputs)
            elif inputs:
                self._pass_on(number, inputs)
            for tensor in inputs:
                if self._network.last_use[tensor] == number:
                    del self._float[tensor], self._quantized[tensor]
        progress("Rounding", total, total)
        return self.ranges

    def _step(self, layer: WeightedLayer, inputs: list[int]) -> None:
        """A layer: its weights are rounded, its bias corrected."""
        network = self._network
        reference = self._output(layer.operator, inputs, self._float)
        self._fit(layer)
        quantized = self._output(layer.operator, inputs, self._quantized)
        shift = bias_correction.from_outputs(reference, quantized, layer.limits)
        network.set_values(layer.bias, network.values(layer.bias) + shift)
        quantized += shift.astype(np.float32)
        for values in (reference, quantized):
            values.clip(*layer.limits, out=values)
        bounded = bool(np.isfinite(layer.limits).all())
        self._keep(layer.operator, inputs, layer.output, reference, quantized, bounded=bounded)

    def _pass_on(self, number: int, inputs: list[int]) -> None:
        """An operator without weights; it may have several outputs."""
        for place, output in enumerate(self._network.graph.operators[number].outputs):
            reference = self._output(number, inputs, self._float, place)
            quantized = self._output(number, inputs, self._quantized, place)
            self._keep(number, inputs, output, reference, quantized, bounded=False)

    def _output(self, number: int, inputs: list[int], values: dict[int, Values], place: int = 0) -> np.ndarray:
        model = self._network.operator_model(number, linear=True)
        return run(model, [values[tensor] for tensor in inputs], output=place).array

    def _keep(
        self, number: int, inputs: list[int], output: int, reference: np.ndarray, quantized: np.ndarray, bounded: bool
    ) -> None:
        """Choose an activation's range, unless its layer bounds it, and hold both networks' values for its readers."""
        chosen = output in self._by_probabilities
        if not chosen and (output in self._curves or not bounded):
            self.ranges[output] = self._range(output, reference)
        grid = self._grid(number, inputs, output)
        self._float[output] = Values(reference)
        self._quantized[output] = Values(grid.encode(quantized), grid)

    def _fit(self, layer: WeightedLayer) -> None:
        network = self._network
        values = self._quantized[layer.input]
        most = _WINDOWS if layer.groups == 1 else _GROUPED_WINDOWS
        at = positions(layer, values.array.shape, network.graph.tensors[layer.output].shape, most)
        found = moments(windows(layer, values, at))
        old = network.matrix(layer)
        new = rounding.rounded(old, found.covariance, per_channel=self._per_channel)
        new = own_grid.kept(old, new) if self._per_channel else new
        network.set_matrix(layer, new)
        shift = bias_correction.from_inputs(old, new, found.mean)
        network.set_values(layer.bias, network.values(layer.bias) + shift)

    def _range(self, tensor: int, values: np.ndarray) -> ranges.Range:
        """The candidate that disturbs the outputs of the layers that read this activation least."""
        histogram = Histogram.of(values)
        if tensor in self._curves:
            return curves.least_error(histogram, self._curves[tensor])
        readers = [self._seen(layer, values) for layer in self._network.layers.values() if layer.input == tensor]
        if not readers:
            return ranges.percentile(histogram)
        candidates = sorted({method(histogram) for method in ranges.METHODS.values()})
        return min(candidates, key=lambda found: sum(_disturbance(Grid.of(*found), *seen) for seen in readers))

    def _seen(self, layer: WeightedLayer, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some windows that a layer sees, (groups, positions, columns), and its matrix (groups, columns, outputs)."""
        at = positions(layer, values.shape, self._network.graph.tensors[layer.output].shape, _TRIED_WINDOWS)
        matrix = self._network.matrix(layer).astype(np.float32).transpose(0, 2, 1)
        return windows(layer, Values(values), at), matrix

    def _grid(self, number: int, inputs: list[int], output: int) -> Grid:
        kind = kind_of(self._network.graph.operators[number].name)
        if kind.unit_range:
            return _UNIT_GRID
        passed_on = self._quantized[inputs[0]].grid
        return passed_on if kind.keeps_grid and passed_on else Grid.of(*self.ranges[output])


def _disturbance(grid: Grid, seen: np.ndarray, matrix: np.ndarray) -> float:
    """Squared error of a layer's outputs before the activation, relative to their power, if its input has this grid."""
    error = grid.decode(grid.encode(seen)) - seen
    return float(np.square(error @ matrix).mean() / max(np.square(seen @ matrix).mean(), 1e-30))
