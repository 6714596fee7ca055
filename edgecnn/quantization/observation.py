"""What one pass of the float network over images shows: each channel's extremes, samples of each layer's inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgecnn.graph.activations import Read, activations, visit_activations
from edgecnn.graph.edit import Ranges
from edgecnn.graph.float_graph import FloatGraph, WeightedLayer
from edgecnn.graph.operator_kinds import WEIGHTED, kind_of
from edgecnn.graph.replay import Values
from edgecnn.graph.roles import IN_PLACE
from edgecnn.quantization.remedies import ranges
from edgecnn.quantization.remedies.equalization import Channels
from edgecnn.quantization.statistics import Moments, moments, positions, windows
from edgecnn.runtime.model.graph import Graph
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


def logits_of(graph: Graph) -> tuple[int, ...]:
    """The tensors that hold the model's logits: a layer's output, and what only has another shape, in reverse order.

    They are the model's output, or what its softmax reads; none where a model gives something else, such as a vector
    for each place of an image.
    """
    makers = {tensor: operator for operator in graph.operators for tensor in operator.outputs}
    found: list[int] = []
    waiting = list(graph.outputs) if len(graph.outputs) == 1 else []
    while waiting and waiting[0] in makers:
        maker = makers[waiting[0]]
        if maker.name == "SOFTMAX":
            found = []
        elif maker.name in WEIGHTED or kind_of(maker.name).role == IN_PLACE:
            found.append(waiting[0])
        else:
            return ()
        if maker.name in WEIGHTED:
            shape = graph.tensors[found[-1]].shape
            return tuple(found) if shape[-1] == np.prod(shape) else ()
        waiting = [maker.inputs[0]]
    return ()


class Answers:
    """The logits of all images, gathered by `visit`, for their range.

    Args:
        model: float `.tflite`.
    """

    def __init__(self, model: bytes) -> None:
        self._logits = logits_of(parse(model).graph)
        self._found: dict[int, np.ndarray] = {}

    def visit(self, number: int, read: Read) -> None:
        """See `edgecnn.graph.activations.Visit`."""
        if self._logits:
            self._found[number] = read(self._logits[-1]).reshape(1, -1).copy()

    def ranges(self) -> Ranges:
        """Of the tensors that hold them; none where a model gives something else."""
        in_order = [self._found[number] for number in sorted(self._found)]  # sums in another order round otherwise
        return dict.fromkeys(self._logits, ranges.logits(np.concatenate(in_order))) if in_order else {}


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
