"""CNN against ViT in cost: how both grow with the picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgecnn.html import charts

from ._markdown import command, figure, standalone, table

TITLE = "CNN against ViT in cost"
SUMMARY = "linear in the pixels against quadratic in the patches"
MODELS = ("mobilenet_v2", "resnet50", "vit_tiny_16", "vit_small_16")
SIZES = (96, 160, 224, 320, 448, 640)


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Count and time each model at each size."""
    from edgecnn.builder import build_model
    from edgecnn.graph import keras_network
    from edgecnn.inspection.analysis import analyze
    from edgecnn.models import variants

    from ._timing import machine, processor_ms

    found: dict[str, Any] = dict(known.get("models", {}))
    for name in (name for name in MODELS if name in variants() and name not in found):
        points: list[dict[str, Any]] = []
        for size in SIZES:
            source = build_model(name, input_size=size)
            report = analyze(keras_network.read(source[0]))
            attention = sum(row.layer.cost.macs for row in report.layers if row.layer.mixing == "attention")
            milliseconds = processor_ms(source, "float32")[0]
            entry = {"input_size": size, "macs": report.total.macs, "attention_macs": attention, "ms": milliseconds}
            points.append({**entry, "peak_activation_bytes": report.peak_activation_bytes})
            print(name, points[-1], flush=True)
        found[name] = points
        yield {"machine": machine(), "models": found}


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    models = measured.get("models", {})
    return f"""
A convolution looks at a window of fixed size at every place: four times as many pixels are four times the work, **O(H
W)**. Attention compares every patch with every other: with patches of p x p pixels there are N = H W / p^2 tokens, and
N^2 pairs, **O((H W / p^2)^2)**, beside dense layers that are linear in N. For a ViT of width D and depth L that is
about

    12 L N D^2   (dense layers: linear in the pixels)   +   2 L N^2 D   (attention: quadratic)

so attention overtakes the dense layers when N exceeds 6 D: at 16x16 patches that is a picture of about 540 pixels for
ViT-Tiny (D = 192) and 770 for ViT-Small (D = 384). Below, the quadratic part is there but small.

{_tables(models)}

{figure("cnn_vs_vit.svg", "Processor time over input size")}

MACs are counted from the graphs; times are the processor time of the float32 `.tflite`, {measured.get("machine", "")}.
The exponent is that of cost ~ pixels^e between the smallest and the largest picture: 1 is linear, 2 is quadratic.

{_exponents(models)}

Two more differences that the exponents don't show: a CNN's early maps are large, so its activations need more memory at
once; and a CNN can be run at another size with the same weights, while a ViT's position embeddings must be resampled.

{command("edgecnn inspect mobilenet_v2 vit_tiny_16", "edgecnn inspect mobilenet_v2 vit_tiny_16 --input-size 96,224")}

"""


def _tables(models: dict[str, Any]) -> str:
    rows = []
    for name, points in models.items():
        for point in points:
            share = f"{point['attention_macs'] / point['macs']:.0%}" if point["attention_macs"] else ""
            size = f"{point['input_size']} x {point['input_size']}"
            memory = f"{point['peak_activation_bytes'] / 1e6:.1f} MB"
            rows.append([f"`{name}`", size, f"{point['macs'] / 1e6:,.0f} M", share, memory, f"{point['ms']:,.1f} ms"])
    return table(["model", "picture", "MACs", "of them attention", "activations at once", "time"], rows)


def _exponents(models: dict[str, Any]) -> str:
    import math

    rows = []
    for name, points in models.items():
        pixels = 2 * math.log(points[-1]["input_size"] / points[0]["input_size"])
        cells = [f"{math.log(points[-1][key] / points[0][key]) / pixels:.2f}" for key in ("macs", "ms")]
        late = 2 * math.log(points[-1]["input_size"] / points[-2]["input_size"])
        cells += [f"{math.log(points[-1][key] / points[-2][key]) / late:.2f}" for key in ("macs", "ms")]
        rows.append([f"`{name}`", *cells])
    last = f"{SIZES[-2]} to {SIZES[-1]} px"
    return table(["model", "MACs", "time", f"MACs, {last}", f"time, {last}"], rows)


def drawings(measured: dict[str, Any]) -> dict[str, str]:
    """Time over input size, for three of the models at most."""
    models = measured.get("models", {})
    shown = [name for name in ("mobilenet_v2", "vit_tiny_16", "vit_small_16") if name in models]
    if not shown:
        return {}
    series = [(name, [point["ms"] for point in models[name]]) for name in shown]
    curve = charts.lines([float(size) for size in SIZES], series, "input size in pixels", "ms")
    return {"cnn_vs_vit.svg": standalone(curve)}
