"""The receptive field: what one unit of a feature map can see, and what it looks at."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from edgecnn.graph import keras_network
from edgecnn.html import charts
from edgecnn.inspection.analysis import Report, analyze
from edgecnn.inspection.view import field_size

from ._markdown import command, figure, standalone, table

TITLE = "Receptive field"
SUMMARY = "what one unit can see, and what it looks at"

# Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks, Distill 2019.
PUBLISHED = {"alexnet": 195, "vgg16": 212, "resnet50_v1": 483, "resnet101_v1": 1027, "mobilenet_v1": 315}


@functools.cache
def report(name: str) -> Report:
    """A model of edgecnn's, counted and traced."""
    from edgecnn.builder import build_model

    return analyze(keras_network.read(build_model(name)[0]))


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Effective fields by gradients (minutes), and every model's field."""
    from edgecnn.builder import build_model
    from edgecnn.inspection.effective import measure_stages
    from edgecnn.models import variants

    fields = {}
    for name in (
        *PUBLISHED,
        "resnet50",
        "mobilenet_v2",
        "efficientnet_lite0",
        "efficientnet_b0",
        "convnext_tiny",
        "vit_base_16",
    ):
        if name in variants():
            last = report(name).last_map
            fields[name] = {
                "field": field_size(last.reach if last else None),
                "stride": last.reach.axes[0].stride if last and last.reach else None,
                "sees_all": last.sees_whole if last else None,
                "input_size": variants()[name].input_size,
            }
    model, _ = build_model("efficientnet_lite0", weights="imagenet")
    own = analyze(keras_network.read(model))
    yield {"fields": fields, "effective": [field.to_dict() for field in measure_stages(model, own)]}


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    mobilenet = report("mobilenet_v1")
    rows = [row for row in mobilenet.layers if row.layer.window and max(row.layer.window.kernel) > 1]
    growth = []
    for row in rows[:6]:
        window, axis = row.layer.window, row.reach.axes[0]  # type: ignore[union-attr]
        step = axis.stride // window.stride[0]  # type: ignore[union-attr]
        before = axis.size - step * (window.kernel[0] - 1)  # type: ignore[union-attr]
        sum_ = f"{before} + (3-1) x {step} = {axis.size}"
        growth.append(
            [row.layer.name, f"{window.kernel[0]}x{window.kernel[1]} /{window.stride[0]}", sum_, str(axis.stride)]
        )  # type: ignore[union-attr]
    return f"""
A unit of a feature map is computed from a window of the map before it, that one from a window of the one before, and so
on down to the picture: the pixels that can change it are its **receptive field**. What is outside it can't.

## How it grows

Each layer adds (kernel - 1) times the **effective stride** of the map it reads; strides multiply. MobileNet V1 begins
like this (the 1x1 convolutions between add nothing):

{table(["layer", "kernel /stride", "receptive field", "effective stride after it"], growth)}

So depth makes it grow, and strides make it grow faster: after the first stride of 2 every 3x3 kernel is worth 4 pixels,
after five strides 64.

{figure("receptive_field.svg", "Receptive field of MobileNet V1 over its layers, and the picture's 224 pixels")}

In branches the largest path counts, shortcuts add nothing, dilation by d makes a kernel of k as wide as d(k-1)+1. A
squeeze-excite or attention sees the whole image at once; those are marked with +.

## Networks compared

{_networks(measured.get("fields", {}))}

The published figures are those of Araujo, Norris and Sim, *Computing Receptive Fields of Convolutional Neural Networks*
([Distill 2019](https://distill.pub/2019/computing-receptive-fields/)); where they give one, a test holds edgecnn to it,
and another test holds it to the pixels that really have a gradient. ResNet v1.5 moves a stride from a 1x1 to a 3x3
convolution, one layer later, and so sees less than v1: 427 instead of 483.

## What it looks at

That a pixel *can* change a unit doesn't mean that it does. Pixels in the middle reach it on many paths, those at the
rim on few: the **effective** receptive field, measured by gradients, is much smaller (Luo et al., NIPS 2016).
EfficientNet-Lite0 with its ImageNet weights, on random images, side of the square that has as many pixels as matter:

{_effective(measured.get("effective", []))}

In the middle of the network a unit could see 67 pixels and looks at less than half of them. At the end the theoretical
field, 851 pixels, reaches so far beyond the image that its faint rim is outside of it.

{command("edgecnn inspect mobilenet_v1 --geometry", "edgecnn inspect efficientnet_lite0 --effective --html field.html")}
"""


def _networks(fields: dict[str, Any]) -> str:
    rows = []
    for name, entry in fields.items():
        seen = entry["sees_all"]
        rows.append(
            [
                f"`{name}`",
                str(entry["input_size"]),
                f"{entry['field']}, then attention sees all" if name.startswith("vit") else entry["field"],
                str(PUBLISHED.get(name, "")),
                str(entry["stride"] or ""),
                "-" if seen is None else f"{seen:.0%}",
            ]
        )
    return table(
        ["model", "picture", "receptive field", "published", "effective stride", "units that see all of it"], rows
    )


def _effective(fields: list[dict[str, Any]]) -> str:
    rows = [
        [entry["layer"], " x ".join(map(str, entry["support"])), f"{entry['effective_size']:.0f}"] for entry in fields
    ]
    return table(["layer", "pixels with any gradient, of 224 x 224", "effective side"], rows)


def drawings(measured: dict[str, Any]) -> dict[str, str]:
    """The growth curve."""
    rows = [row for row in report("mobilenet_v1").layers if row.reach is not None and len(row.output_shape) == 4]
    sizes = [float(row.reach.axes[0].size) for row in rows if row.reach]
    curve = charts.lines(
        list(range(1, len(rows) + 1)),
        [("receptive field", sizes), ("side of the image", [224.0] * len(rows))],
        "number of the layer",
        "pixels",
    )
    return {"receptive_field.svg": standalone(curve)}
