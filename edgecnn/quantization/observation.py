"""What one pass of the float network over images shows: each channel's extremes, samples of each layer's inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgecnn.graph.activations import Read, activations, visit_activations
from edgecnn.graph.edit import Ranges
from edgecnn.graph.float_graph import FloatGraph, WeightedLayer
from edgecnn.graph.operator_kinds import WEIGHTED
from edgecnn.graph.replay import Values
from edgecnn.quantization.remedies import ranges
from edgecnn.quantization.remedies.equalization import Channels
from edgecnn.quantization.statistics import Moments, moments, positions, windows
from edgecnn.runtime.model.tflite import parse


def observe_channels(network: FloatGraph, pictures: np.ndarray) -> dict[int, Channels]:
    """Extremes and mean square of every channel of the input and of every activation.

    Args:
        network: the float network.
        pictures: float32 (images, height, width, channels).
    """
    tensors = [network.graph.inputs[0], *activations(network.graph)]
    shapes = {tensor: (len(pictures), network.graph.tensors[tensor].shape[-1]) for tensor in tensors}
    low, high, power = ({tensor: np.empty(shape) for tensor, shape in shapes.items()} for _ in range(3))

    def visit(number: int, read: Read) -> None:
        for tensor in tensors:
            values = read(tensor)
            values = values.reshape(-1, values.shape[-1])
            low[tensor][number], high[tensor][number] = values.min(axis=0), values.max(axis=0)
            power[tensor][number] = np.einsum("pc,pc->c", values, values) / len(values)

    visit_activations(network.to_bytes(), (picture[None] for picture in pictures), [visit])
    return {tensor: Channels(low[tensor].min(0), high[tensor].max(0), power[tensor].mean(0)) for tensor in tensors}


class Answers:
    """The logits of all images, gathered by `visit`, for the range of the model's output.

    Args:
        model: float `.tflite`.
    """

    def __init__(self, model: bytes) -> None:
        graph = parse(model).graph
        last = graph.operators[-1]
        self._output = last.outputs[0]
        self._are_logits = last.name in WEIGHTED and graph.outputs == (self._output,)
        self._found: dict[int, np.ndarray] = {}

    def visit(self, number: int, read: Read) -> None:
        """See `edgecnn.graph.activations.Visit`."""
        if self._are_logits:
            self._found[number] = read(self._output).reshape(1, -1).copy()

    def ranges(self) -> Ranges:
        """Of the output; none where it isn't logits."""
        in_order = [self._found[number] for number in sorted(self._found)]  # sums in another order round otherwise
        return {self._output: ranges.logits(np.concatenate(in_order))} if in_order else {}


class InputSamples:
    """Samples of every layer's inputs, gathered by `visit` while the float network runs.

    Args:
        network: the float network.
        pictures: numbers of the images to look at.
        samples: how many windows of one image, for a layer's number of columns.
    """

    def __init__(self, network: FloatGraph, pictures: set[int], samples: Callable[[int], int]) -> None:
        self._network = network
        self._pictures = pictures
        self._samples = samples
        self._found: dict[int, dict[int, np.ndarray]] = {operator: {} for operator in network.layers}

    def visit(self, number: int, read: Read) -> None:
        """See `edgecnn.graph.activations.Visit`."""
        if number not in self._pictures:
            return
        for layer in self._network.layers.values():
            values = read(layer.input)
            output = self._network.graph.tensors[layer.output].shape
            most = self._samples(self._network.columns(layer))
            at = positions(layer, values.shape, output, most, seed=number)
            self._found[layer.operator][number] = windows(layer, Values(values), at)

    def moments(self, layer: WeightedLayer) -> Moments:
        """Of the layer's inputs; the samples are given up."""
        parts = self._found.pop(layer.operator)
        return moments(np.concatenate([parts[number] for number in sorted(parts)], axis=1))
