"""Which remedies make up a level, and in which order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from edgecnn.core.progress import Progress, silent
from edgecnn.graph.activations import Visit
from edgecnn.graph.edit import Ranges
from edgecnn.graph.float_graph import FloatGraph, WeightedLayer
from edgecnn.graph.ranges import activation_ranges
from edgecnn.quantization import own_grid
from edgecnn.quantization.in_order import InOrder
from edgecnn.quantization.observation import Answers, InputSamples, observe_channels
from edgecnn.quantization.remedies import bias_correction, curves, equalization, rounding
from edgecnn.runtime.run.interpreter import default_threads

REMEDIES: dict[str, tuple[str, ...]] = {
    "none": (),
    "fast": ("curves", "rounding", "bias_correction"),
    "best": ("ranges", "curves", "rounding", "bias_correction"),
}
PICTURES = {"none": 0, "fast": 48, "best": 256}
"""How many of the calibration images a level looks at more closely than for their ranges."""
_IN_ORDER_TIMES = 12  # the time of calibration, on two x86 cores: 11.8 for Lite0, 11.4 for Lite2
_LEAST_SAMPLES = 192  # of each layer's inputs, over all images; or twice as many as the layer has columns


@dataclass(frozen=True)
class Pictures:
    """The calibration images as input tensors.

    Attributes:
        start: a fresh pass, float32 (1, height, width, channels) each.
        count: how many there are, at most.
    """

    start: Callable[[], Iterator[np.ndarray]]
    count: int

    def spread(self, most: int) -> set[int]:
        """Numbers of at most that many, evenly spread."""
        return set(np.linspace(0, self.count - 1, min(most, self.count)).astype(int).tolist())

    def some(self, most: int) -> np.ndarray:
        """At most that many, evenly spread: float32 (images, height, width, channels)."""
        chosen = self.spread(most)
        return np.concatenate([tensor for number, tensor in enumerate(self.start()) if number in chosen])


@dataclass(frozen=True)
class Improved:
    """A float model made ready for the quantizer.

    Attributes:
        model: `.tflite` bytes; the weights lie on the quantizer's grid.
        ranges: (min, max) of the input and of every activation.
        account: what was applied, for the contract.
    """

    model: bytes
    ranges: Ranges
    account: dict[str, Any]


def improve(
    model: bytes, pictures: Pictures, level: str, *, per_channel: bool = True, progress: Progress = silent
) -> Improved:
    """Change a float model's weights and biases so that its int8 form loses less.

    Args:
        model: float `.tflite`.
        pictures: to calibrate on.
        level: one of `edgecnn.quantization.settings.LEVELS`.
        per_channel: whether every output channel will have a weight scale of its own.
        progress: called with (stage, done, total).
    """

    if level == "none":
        return Improved(model, _calibrated(model, pictures, progress), {"level": level})
    network = FloatGraph(model)
    chosen = pictures.spread(PICTURES[level])
    account: dict[str, Any] = {"level": level, "pictures": len(chosen), "layers": len(network.layers)}
    with threadpool_limits(1):  # the matrix library's threads wait for each other by spinning; ours don't
        if not per_channel:
            progress("Equalizing", 0, 0)
            channels = observe_channels(network, pictures.some(PICTURES[level]))
            account["equalized"] = len(equalization.equalize(network, channels, per_channel=False))
        by_level = _at_once if level == "fast" else _layer_by_layer
        ranges = by_level(network, pictures, chosen, per_channel, progress)
    account["remedies"] = list(REMEDIES[level] if per_channel else ("equalization", *REMEDIES[level]))
    return Improved(network.to_bytes(), ranges, account)


def _calibrated(model: bytes, pictures: Pictures, progress: Progress, *visits: Visit) -> Ranges:
    return activation_ranges(
        model, pictures.start(), lambda done: progress("Calibrating", done, pictures.count), visits
    )


def _at_once(
    network: FloatGraph, pictures: Pictures, chosen: set[int], per_channel: bool, progress: Progress
) -> Ranges:
    """Each layer by itself, on the float network's inputs."""
    model = network.to_bytes()
    answers = Answers(model)
    samples = InputSamples(network, chosen, lambda columns: max(_LEAST_SAMPLES, 2 * columns) // len(chosen))
    ranges = _calibrated(model, pictures, progress, answers.visit, samples.visit)
    ranges = {**ranges, **curves.narrowed(model, ranges, pictures.start()), **answers.ranges()}
    total = len(network.layers)
    progress("Rounding", 0, total)

    def fit(layer: WeightedLayer) -> tuple[WeightedLayer, np.ndarray, np.ndarray]:
        old, found = network.matrix(layer), samples.moments(layer)
        new = rounding.rounded(old, found.covariance, per_channel=per_channel)
        new = own_grid.kept(old, new) if per_channel else new
        return layer, new, bias_correction.from_inputs(old, new, found.mean)

    with ThreadPoolExecutor(default_threads()) as pool:
        for done, (layer, weights, bias) in enumerate(pool.map(fit, network.layers.values())):
            network.set_matrix(layer, weights)
            network.set_values(layer.bias, network.values(layer.bias) + bias)
            progress("Rounding", done + 1, total)
    return ranges


def _layer_by_layer(
    network: FloatGraph, pictures: Pictures, chosen: set[int], per_channel: bool, progress: Progress
) -> Ranges:
    """Each layer on inputs as they will be quantized; says beforehand how long that takes."""
    started = time.perf_counter()
    model = network.to_bytes()
    answers = Answers(model)
    ranges = {**_calibrated(model, pictures, progress, answers.visit), **answers.ranges()}
    estimate = _IN_ORDER_TIMES * (time.perf_counter() - started) * len(chosen) / pictures.count
    progress(f"Rounding layer by layer: estimated to take {estimate:.0f} s", 0, 0)
    return InOrder(network, pictures.some(len(chosen)), ranges, per_channel).run(progress)
