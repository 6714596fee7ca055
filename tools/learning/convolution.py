"""Convolution and parameter sharing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._markdown import command, table

TITLE = "Convolution and parameter sharing"
SUMMARY = "one small kernel, used everywhere"

PICTURE = np.array([[0, 0, 0, 9, 9, 9]] * 5)
KERNEL = np.array([[-1, 0, 1]] * 3)
POSITIONS, MAPS, TAPS = 112 * 112, 32, 3 * 3 * 3
COUNTS = ((224 * 224 * 3 + 1) * POSITIONS * MAPS, (TAPS + 1) * POSITIONS * MAPS, (TAPS + 1) * MAPS)


def convolved(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Slide the kernel over the picture: multiply what lies on top of each other, add it up. No padding, stride 1."""
    height, width = picture.shape[0] - kernel.shape[0] + 1, picture.shape[1] - kernel.shape[1] + 1
    result = np.zeros((height, width), int)
    for row in range(height):
        for column in range(width):
            window = picture[row : row + kernel.shape[0], column : column + kernel.shape[1]]
            result[row, column] = (window * kernel).sum()
    return result


def by_keras(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The same by Keras."""
    from edgecnn.core.compat.tensorflow import tf

    answer = tf.nn.conv2d(
        picture[None, :, :, None].astype("float32"), kernel[:, :, None, None].astype("float32"), 1, "VALID"
    )
    result: np.ndarray = answer.numpy()[0, :, :, 0].astype(int)
    return result


def parameters() -> list[list[str]]:
    """Three ways from a 224 x 224 color image to 32 maps of 112 x 112, and what each must learn."""
    names = ("dense layer", "locally connected", "convolution")
    ways = (
        "every input to every output",
        "3x3 windows, a kernel of its own at each place",
        "3x3 windows, the same 32 kernels everywhere",
    )
    return [[name, way, f"{count:,}"] for name, way, count in zip(names, ways, COUNTS)]


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    result, keras_result = convolved(PICTURE, KERNEL), by_keras(PICTURE, KERNEL)
    if not (result == keras_result).all():
        raise AssertionError(f"{result} differs from Keras's {keras_result}")
    moved = convolved(np.pad(PICTURE[:, :-1], ((0, 0), (1, 0))), KERNEL)
    return f"""
A convolution slides a small **kernel** over the image. At each place it multiplies what lies on top of each other and
adds it up; the sums are a new image, the **feature map**. Here a 3x3 kernel that subtracts left from right, over a
image with one edge:

```
picture                 kernel        feature map
{_side_by_side(PICTURE, KERNEL, result)}
```

The map is zero where the image is even and large where the edge is: the kernel has *found* it. (Keras gives the same
numbers; that was checked while this page was written.) Move the edge by one pixel and its trace moves by one pixel,
here in the first row: `{_row(result)}` becomes `{_row(moved)}`. That is *translation equivariance*, and it comes for
free.

## Why one kernel for all places

An edge is an edge wherever it is, so there is no need to learn it again at every place. From a 224x224 color image to
32 maps of 112x112:

{table(["layer", "connections", "parameters"], parameters())}

Local windows save a factor of {COUNTS[0] // COUNTS[1]:,}, sharing the kernel another {COUNTS[1] // COUNTS[2]:,}: the
number of places. Fewer parameters need fewer examples and less memory, and the same weights work at any input size.

What it does not save is arithmetic: every place still costs its multiplications, here
{POSITIONS * MAPS * TAPS:,} of them. [Depthwise-separable convolutions](separable.md) save those.

## Sizes

With kernel k, stride s and no padding (*valid*) a side of n becomes floor((n - k) / s) + 1; padded with zeros (*same*)
ceil(n / s). TensorFlow puts the odd zero below and to the right; PyTorch's symmetric padding gives other numbers at the
edges, which matters when weights move between them. `edgecnn inspect --geometry` shows the arithmetic of every layer.

{
        command(
            "edgecnn inspect mobilenet_v1 --geometry",
            "edgecnn build efficientnet_lite0 --weights imagenet -o lite0.keras",
            "edgecnn visualize lite0.keras cat.jpg -o cat.html --only filters,features",
        )
    }
"""


def _row(values: np.ndarray) -> str:
    return " ".join(str(value) for value in values[0])


def _side_by_side(*arrays: np.ndarray) -> str:
    widths = (24, 14, 0)
    lines = []
    for index in range(max(len(array) for array in arrays)):
        cells = [" ".join(f"{value:2d}" for value in array[index]) if index < len(array) else "" for array in arrays]
        lines.append("".join(f"{cell:<{width}}" for cell, width in zip(cells, widths)).rstrip())
    return "\n".join(lines)
