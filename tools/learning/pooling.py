"""Pooling against stride: what happens to the answer when the image moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgecnn.html import charts

from ._markdown import command, figure, standalone, table

TITLE = "Pooling against stride"
SUMMARY = "three ways to halve a map, and what each does to an image that moves"
SHIFT = 16


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """EfficientNet-Lite0 with its ImageNet weights on photographs, down-sampled three ways."""
    from edgecnn.builder import build_model
    from edgecnn.data import open_data
    from edgecnn.graph import keras_network
    from edgecnn.inspection.analysis import analyze
    from edgecnn.visualization import translation
    from edgecnn.visualization.subject import KerasSubject

    model, contract = build_model("efficientnet_lite0", weights="imagenet")
    subject = KerasSubject(model.name, contract, analyze(keras_network.read(model)), model)
    pictures = open_data("photos").sample(12, seed=1)
    found: dict[str, list[dict[str, Any]]] = {}
    for example in pictures.examples:
        curves, _ = translation.measure(subject, example.read(), SHIFT)
        for curve in curves[1:]:
            found.setdefault(curve.name, []).append({"picture": example.name, **curve.to_dict()})
        print(example.name, flush=True)
    yield {"curves": found}


def toy(place: int) -> dict[str, list[float]]:
    """A row of twelve pixels with one that is bright, halved each way."""
    row = np.zeros(12)
    row[place] = 1
    pairs = row.reshape(6, 2)
    return {
        "stride": row[::2].tolist(),
        "max": pairs.max(axis=1).tolist(),
        "average": pairs.mean(axis=1).tolist(),
    }


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    rows = []
    for kind in ("stride", "max", "average"):
        answers = [toy(place)[kind] for place in (4, 5, 6)]
        cells = ["`" + " ".join(f"{value:g}" for value in answer) + "`" for answer in answers]
        rows.append([kind, *cells, ", ".join(f"{sum(answer):g}" for answer in answers)])
    return f"""
A network halves its maps several times, so that later layers see more of the image and cost less. It can keep every
second answer (a convolution with **stride** 2), keep the largest of each 2x2 window (**max pooling**) or their mean
(**average pooling**). A stride is the cheapest, for the answers that are thrown away need not be computed: a strided
3x3 convolution costs a quarter of the same convolution followed by pooling.

What it costs is stability. A row of twelve pixels, of which one is bright, and moves:

{table(["halved by", "bright is pixel 4", "pixel 5", "pixel 6", "sum of the answers"], rows)}

Keeping every second answer loses the pixel at every other place; the largest and the mean don't. By the sampling
theorem one should blur before one halves, and the mean is a blur (Zhang, *Making Convolutional Networks Shift-Invariant
Again*, [ICML 2019](https://arxiv.org/abs/1904.11486)).

## On a real network

EfficientNet-Lite0 with its ImageNet weights, on {len(measured.get("curves", {}).get("stride", []))} crops of
photographs that slide by {SHIFT} pixels to each side, one pixel at a time. A strided convolution is the convolution at
stride 1 of which every second answer is kept, so the same weights can be run with the largest or the mean of the 2x2
answers instead, in all five places:

{_summary(measured.get("curves", {}))}

{figure("pooling.svg", "Probability of the winning class over the shift, for stride, max and average")}

(Drawn: the image on which the strided model wavers most.)

The weights were trained with strides, so the other two answer less surely; what counts is how much the curve wavers
from one pixel to the next. A camera's image always moves, so a live answer flickers by this much at least; averaging
a few frames helps, as the demo does.

{
        command(
            "edgecnn build efficientnet_lite0 --weights imagenet -o lite0.keras",
            "edgecnn visualize lite0.keras cat.jpg -o moving.html --only translation",
        )
    }

"""


def _summary(curves: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for kind, entries in curves.items():
        change = np.mean([entry["mean_change_per_pixel"] for entry in entries])
        height = np.mean([np.mean(entry["probability"]) for entry in entries])
        same = np.mean([entry["same_class"] for entry in entries])
        rows.append([kind, f"{change:.2%}", f"{change / height:.1%}", f"{height:.1%}", f"{same:.0%}"])
    columns = ["down-sampling", "mean change per pixel", "of its height", "mean probability", "same class wins"]
    return table(columns, rows)


def drawings(measured: dict[str, Any]) -> dict[str, str]:
    """The curves of the image on which the strided model wavers most."""
    curves = measured.get("curves", {})
    if not curves:
        return {}
    wobbles = [entry["mean_change_per_pixel"] for entry in curves["stride"]]
    best = wobbles.index(max(wobbles))
    series = [(kind, entries[best]["probability"]) for kind, entries in curves.items()]
    shifts = [float(shift) for shift in curves["stride"][best]["shifts"]]
    curve = charts.lines(shifts, series, "shift in pixels", f"probability, {curves['stride'][best]['picture']}")
    return {"pooling.svg": standalone(curve)}
