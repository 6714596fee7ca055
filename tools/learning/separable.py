"""Depthwise-separable arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgecnn.inspection.view import number

from ._markdown import command, table
from .receptive_field import report

TITLE = "Depthwise-separable convolutions"
SUMMARY = "eight to nine times fewer multiplications, and why not nine times faster"


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A regular 3x3 convolution against its separable replacement, timed."""
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.runtime.model.contract import Contract, Preprocessing

    from ._timing import machine, processor_ms

    rows = []
    for size, channels in ((56, 128), (28, 256), (14, 512)):
        times = {}
        for kind in ("regular", "separable"):
            picture = keras.Input((size, size, 3))
            x = keras.layers.Conv2D(channels, 1, name="widen")(picture)
            for index in range(4):
                if kind == "regular":
                    x = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"c{index}")(x)
                else:
                    x = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu", name=f"d{index}")(x)
                    x = keras.layers.Conv2D(channels, 1, activation="relu", name=f"p{index}")(x)
            x = keras.layers.Dense(2, name="end")(keras.layers.GlobalAveragePooling2D()(x))
            source = (keras.Model(picture, x), Contract(Preprocessing(size, size)))
            for scheme in ("float32", "int8"):
                times[f"{kind}_{scheme}_ms"] = processor_ms(source, scheme)[0]
        rows.append({"size": size, "channels": channels, **times})
        print(rows[-1], flush=True)
    yield {"machine": machine(), "rows": rows}


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    found = report("mobilenet_v1")
    rows, pairs = [], []
    for index, row in enumerate(found.layers):
        if not row.saving:
            continue
        filters = next(later for later in found.layers[index:] if later.layer.role == "convolution").output_shape[-1]
        formula = 1 / (1 / filters + 1 / 9)
        pairs.append(row)
        rows.append(
            [
                row.layer.name.replace("_depthwise_conv", ""),
                "x".join(str(side) for side in row.output_shape[1:]),
                str(filters),
                number(row.regular_macs),
                number(row.separable_macs),
                f"{row.saving:.2f}",
                f"{formula:.2f}",
                f"{row.layer.cost.macs_per_byte:.1f}",
            ]
        )
    columns = ["block", "map", "filters", "regular", "separable", "saving", "1/(1/N+1/9)", "MACs per byte, depthwise"]
    return f"""
A regular convolution does two things at once: it looks at the neighborhood (k x k taps) and it mixes channels (M into
N). On a map of H x W that costs

    H W k^2 M N

multiplications. A **depthwise-separable** convolution does one after the other: a depthwise convolution looks at the
neighborhood of each channel by itself, then a 1x1 convolution mixes channels:

    H W k^2 M  +  H W M N

The quotient is 1 / (1/N + 1/k^2), nearly k^2 = 9 for a 3x3 kernel and many filters
([MobileNets](https://arxiv.org/abs/1704.04861), section 3.1). MobileNet V1, block by block, counted from its graph:

{table(columns, rows)}

The whole network: {found.total.macs:,} multiply-accumulates; with regular convolutions it would be
{found.regular_macs:,}, **{found.regular_macs / found.total.macs:.1f} times as many**.

## Why it is rarely nine times faster

Look at the last column: a depthwise convolution does few multiplications for each byte that it moves (its **arithmetic
intensity**), so it waits for memory while the multipliers idle. With int8 the multipliers are faster still, and the
gain is smaller. Four layers each, {measured.get("machine", "")},
milliseconds of processor time:

{_times(measured.get("rows", []))}

That is why EfficientNetV2 and MobileNetV4 go back to regular convolutions in early layers, where maps are large and
channels few, and why accelerators with many multipliers gain little from depthwise ones.

{command("edgecnn inspect mobilenet_v1", "edgecnn profile mobilenet.tflite --device local --per-op")}
"""


def _times(rows: list[dict[str, Any]]) -> str:
    cells = []
    for row in rows:
        line = [f"{row['size']}x{row['size']}x{row['channels']}"]
        for scheme in ("float32", "int8"):
            regular, separable = row[f"regular_{scheme}_ms"], row[f"separable_{scheme}_ms"]
            line += [f"{regular:.2f}", f"{separable:.2f}", f"{regular / separable:.1f} x"]
        cells.append(line)
    heads = [f"{what}, {scheme}" for scheme in ("float32", "int8") for what in ("regular", "separable", "faster")]
    return table(["map", *heads], cells)
