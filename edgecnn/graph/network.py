"""One view of a network, whether it came from Keras or from a `.tflite` file: layers, values between them, costs.

Shapes are (batch, height, width, channels) with a batch of 1; pairs are (vertical, horizontal).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from edgecnn.graph.cost import Cost
from edgecnn.graph.roles import OTHER, POINT


@dataclass(frozen=True)
class Window:
    """A sliding window.

    Attributes:
        kernel: taps.
        stride: positions between two outputs.
        dilation: positions between two taps.
        before: zeros added above and to the left; negative where the map is cropped.
        after: zeros added below and to the right.
        padding: "same", "valid", or "explicit" for a padding or cropping layer.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    padding: str = "valid"

    def reach(self, axis: int) -> int:
        """Positions from the first to the last tap, both included: dilation * (kernel - 1) + 1."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def arithmetic(self, sizes: tuple[int, int], results: tuple[int, int]) -> str:
        """How the output's size follows from the input's, for people; one axis if both are alike."""
        lines = [self._line(axis, sizes[axis], results[axis]) for axis in (0, 1)]
        return lines[0] if lines[0] == lines[1] else " x ".join(lines)

    def _line(self, axis: int, size: int, result: int) -> str:
        before, after, stride, reach = self.before[axis], self.after[axis], self.stride[axis], self.reach(axis)
        if self.padding == "same":
            return f"ceil({size}/{stride}) = {result}, {before}+{after} zeros"
        if self.padding == "explicit":
            return f"{size}{before:+d}{after:+d} = {result}"
        return f"floor(({size}-{reach})/{stride})+1 = {result}"


def same_padding(size: int, result: int, stride: int, reach: int) -> tuple[int, int]:
    """TensorFlow's *same*: as many zeros as the last window needs; the odd one goes below or to the right."""
    total = max((result - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def window(
    sizes: tuple[int, int],
    results: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    padding: str = "valid",
) -> Window:
    """A window over a map of `sizes` that gives a map of `results`, with the zeros that *same* padding adds."""
    plain = Window(kernel, stride, dilation, padding=padding)
    if padding != "same":
        return plain
    pads = [same_padding(sizes[axis], results[axis], stride[axis], plain.reach(axis)) for axis in (0, 1)]
    before, after = (pads[0][0], pads[1][0]), (pads[0][1], pads[1][1])
    return Window(kernel, stride, dilation, before, after, padding)


@dataclass(frozen=True)
class Value:
    """An activation: what flows from one layer to the next."""

    number: int
    shape: tuple[int, ...]
    size_bytes: int
    dtype: str = "FLOAT32"

    @property
    def elements(self) -> int:
        """Number of values for one image."""
        return math.prod(self.shape)

    @property
    def map_size(self) -> tuple[int, int] | None:
        """(height, width) of a feature map, None for anything else."""
        return (self.shape[1], self.shape[2]) if len(self.shape) == 4 else None


@dataclass(frozen=True)
class Layer:
    """One operator.

    Attributes:
        name: the Keras layer's name, or the name of the `.tflite` operator's output.
        op: the operator's type in its own format, e.g. "Conv2D" or "CONV_2D".
        inputs: numbers of the values that it reads (constants are not values).
        outputs: numbers of the values that it writes.
        mixing: one of POINT, WINDOW, WHOLE, ATTENTION, UNKNOWN of `edgecnn.graph.roles`.
        role: what it is to the reader, one of CONVOLUTION, DEPTHWISE, SEPARABLE, DENSE, POOLING, IN_PLACE, OTHER.
        window: for a layer whose mixing is WINDOW.
        groups: independent groups of channels of a convolution.
        cost: for one image.
        details: what else is worth telling: fused activation, number type, quantization.
    """

    name: str
    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    mixing: str = POINT
    role: str = OTHER
    window: Window | None = None
    groups: int = 1
    cost: Cost = field(default_factory=Cost)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A model's graph, layers in the order of execution.

    Attributes:
        name: the model's name.
        source: "keras" or "tflite".
        parameters: of the whole model, shared ones counted once.
        parameter_bytes: their bytes as stored.
    """

    name: str
    source: str
    layers: tuple[Layer, ...]
    values: dict[int, Value]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: int
    parameter_bytes: int

    def output(self, layer: Layer) -> Value:
        """A layer's first output; a value of no bytes where it writes a variable only."""
        return self.values[layer.outputs[0]] if layer.outputs else Value(-1, (), 0)

    def consumers(self) -> dict[int, list[int]]:
        """Value number -> indices of the layers that read it."""
        readers: dict[int, list[int]] = {number: [] for number in self.values}
        for index, layer in enumerate(self.layers):
            for number in layer.inputs:
                readers[number].append(index)
        return readers
