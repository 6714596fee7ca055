"""Stacked 3x3 kernels against one large kernel: (2N + 1), and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ._markdown import command, table

TITLE = "Small kernels, stacked: (2N + 1)"
SUMMARY = "two 3x3 see what one 5x5 sees, for less"
SIDE, CHANNELS, REPEATS = 56, 64, 4
PAIRS = ((2, 5), (3, 7))  # N of 3x3, and the one kernel that sees as much


def sees(count: int) -> int:
    """Side of the square that a unit after `count` 3x3 convolutions of stride 1 sees, by trying each pixel."""
    side = 2 * count + 5
    reached = 0
    for pixel in range(side):
        row = np.zeros(side)
        row[pixel] = 1
        for _ in range(count):
            row = np.convolve(row, np.ones(3), mode="same")
        reached += bool(row[side // 2])
    return reached


def weights(kernel: int, count: int = 1, channels: int = CHANNELS) -> int:
    """Of `count` convolutions with as many inputs as outputs, without bias."""
    return count * kernel**2 * channels**2


def separable_weights(kernel: int, count: int = 1, channels: int = CHANNELS) -> int:
    """The same with a depthwise convolution and a 1x1 convolution in the place of each."""
    return count * (kernel**2 * channels + channels**2)


def stack(kernel: int, count: int) -> tuple[Any, Any]:
    """A Keras model and its contract: `REPEATS` times `count` convolutions with ReLU, on a map of SIDE x SIDE."""
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.runtime.model.contract import Contract, Preprocessing

    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Conv2D(CHANNELS, 1, name="widen")(image)
    for index in range(REPEATS * count):
        x = keras.layers.Conv2D(CHANNELS, kernel, padding="same", activation="relu", name=f"conv{index}")(x)
    x = keras.layers.Dense(2, name="end")(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, x), Contract(Preprocessing(SIDE, SIDE))


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Time both ways, interleaved."""
    from ._timing import interleaved_ms, machine

    sources = {f"{one}x{one}": stack(one, 1) for _, one in PAIRS}
    sources |= {f"{count} of 3x3": stack(3, count) for count, _ in PAIRS}
    yield {"machine": machine(), "ms": interleaved_ms(sources, ("float32", "int8"))}


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    grown = [
        [
            str(count),
            f"{sees(count)} x {sees(count)}",
            f"{weights(3, count):,}",
            f"{weights(2 * count + 1):,}",
            f"{weights(2 * count + 1) / weights(3, count):.2f}",
            f"{count} : 1",
        ]
        for count in range(1, 6)
    ]
    return f"""
A unit after one 3x3 convolution sees 3x3 pixels. Each further one of stride 1 adds one pixel on each side, so **N
stacked 3x3 convolutions see (2N + 1) x (2N + 1)**. (In general every layer adds k - 1 times the strides before it:
[receptive field](receptive_field.md).)

## Why two 3x3 beat one 5x5

With C channels in and out, N convolutions of 3x3 have 9 N C^2 weights; one of (2N + 1) x (2N + 1) has (2N + 1)^2 C^2.
What a unit sees was found by trying each pixel; weights are for C = {CHANNELS}:

{table(["N", "sees", "weights, N of 3x3", "weights, one large", "large : small", "non-linearities"], grown)}

MACs are the weights times the places of the map, so they have the same quotients. The stack needs fewer weights and
fewer multiplications **and** has N ReLUs instead of one, so it is a richer function. VGG is built on this
([section 2.3](https://arxiv.org/abs/1409.1556): one 7x7 has 81 % more weights than three 3x3).

What it costs: N maps instead of one have to be written and read.

## Measured

{REPEATS} times each, {SIDE}x{SIDE}x{CHANNELS}, `.tflite`, processor time in ms, median of interleaved rounds,
{measured["machine"]}:

{_times(measured["ms"])}

The times have the quotients of the MACs, in float32 and in int8. (This processor has no int8 dot products, so int8 is
no faster than float32 here; on a board, measure there.)

## When a large kernel pays

In a depthwise convolution k^2 is multiplied by C, not C^2, and the 1x1 convolution beside it costs the same whatever k
is. Then one large kernel is the cheaper way to see as much, weights again for C = {CHANNELS}:

{_separable()}

That is why MobileNetV3 and EfficientNet have 5x5 and ConvNeXt has 7x7 kernels, all depthwise.

{command("edgecnn inspect vgg16 --geometry", "edgecnn inspect mobilenet_v3_large")}
"""


def _times(times: dict[str, dict[str, float]]) -> str:
    rows = []
    for count, one in PAIRS:
        macs = weights(one) / weights(3, count)
        cells = []
        for scheme in ("float32", "int8"):
            small, large = times[f"{count} of 3x3"][scheme], times[f"{one}x{one}"][scheme]
            cells += [f"{small:.2f}", f"{large:.2f}", f"{large / small:.2f}"]
        rows.append([f"{count} of 3x3 : one {one}x{one}", f"{macs:.2f}", *cells])
    heads = [f"{what}, {scheme}" for scheme in ("float32", "int8") for what in ("small", "large", "large : small")]
    return table(["pair", "MACs, large : small", *heads], rows)


def _separable() -> str:
    rows = []
    for count, one in PAIRS:
        small, large = separable_weights(3, count), separable_weights(one)
        rows.append([f"{count} of 3x3 : one {one}x{one}", f"{small:,}", f"{large:,}", f"{large / small:.2f}"])
    return table(["depthwise-separable", "small", "large", "large : small"], rows)
