"""The landmark table: what each network brought, and what it costs today."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgecnn.models import variants

from . import _contests
from ._markdown import command, table

TITLE = "Landmark networks"
SUMMARY = "what each brought, and what it costs today"
SCHEMES = ("float32", "int8")


@dataclass(frozen=True)
class Landmark:
    """One row; `top5_error` in percent as published, and where; None where nobody prints one for these weights."""

    name: str
    year: int
    idea: str
    top5_error: float | None = None
    source: str = ""


TORCHVISION = (
    "[torchvision's](https://pytorch.org/vision/stable/models.html) IMAGENET1K_V1, one crop, as the top-1 error"
)
_SLIM = "https://github.com/tensorflow/models/blob/master/research/slim/nets"
_TIMM = "https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv"
TIMM = f"weights measured in [timm's table]({_TIMM}), top-1 there"
LANDMARKS = (
    Landmark(
        "alexnet", 2012, "ReLU, dropout, two GPUs: deep CNNs win ImageNet", 18.2, "the paper's table 2, 1 CNN, 10 crops"
    ),
    Landmark("vgg16", 2014, "only 3x3 convolutions, deep stacks of them", 8.1, "the paper's table 3, D, dense at 384"),
    Landmark(
        "vgg19", 2014, "the same with 19 layers: depth alone saturates", 8.0, "the paper's table 3, E, dense at 384"
    ),
    Landmark(
        "googlenet",
        2014,
        "parallel kernels behind 1x1 bottlenecks; mean instead of dense layers",
        10.1,
        "the paper's table 3, one model, one crop (it prints no top-1 error; that is Caffe's bvlc_googlenet)",
    ),
    Landmark("resnet50", 2015, "shortcuts: layers learn a residual, so depth stops hurting", 7.1, TORCHVISION),
    Landmark("resnet152", 2015, "152 layers train as easily as 50", 6.0, TORCHVISION),
    Landmark(
        "mobilenet_v1",
        2017,
        "depthwise-separable convolutions; width as a knob",
        10.1,
        f"the authors' weights in [TF-Slim's table]({_SLIM}/mobilenet_v1.md), top-1 there 29.1 %",
    ),
    Landmark(
        "mobilenet_v2",
        2018,
        "inverted residuals with linear bottlenecks",
        9.0,
        f"the authors' weights in [TF-Slim's table]({_SLIM}/mobilenet/README.md), top-1 there 28.2 %",
    ),
    Landmark(
        "mobilenet_v3_large", 2019, "searched blocks, squeeze-excite, hard-swish", 7.4, f"the authors' {TIMM} 24.5 %"
    ),
    Landmark("efficientnet_b0", 2019, "width, depth and input size grow together", 6.7, "the paper's table 2"),
    Landmark(
        "efficientnet_lite0",
        2020,
        "EfficientNet for int8: ReLU6, no squeeze-excite",
        7.8,
        f"the authors' {TIMM} 25.2 %",
    ),
    Landmark(
        "vit_base_16",
        2020,
        "no convolution: attention between 16x16 patches",
        4.3,
        f"DeiT's {TIMM} 18.0 %",
    ),
    Landmark("cvt_13", 2021, "convolutions make the tokens and projections of attention"),
    Landmark(
        "efficientnet_v2_s",
        2021,
        "fused blocks early: fewer MACs are not faster, fewer bytes are",
        3.3,
        "the authors' weights in [Keras's table](https://keras.io/api/applications/), top-1 there 16.1 %",
    ),
    Landmark(
        "convnext_tiny",
        2022,
        "a ResNet with a transformer's habits: 7x7 depthwise, LayerNorm, GELU",
        4.1,
        "the authors' weights in [timm's card](https://huggingface.co/timm/convnext_tiny.fb_in1k), top-1 there 17.9 %",
    ),
    Landmark("convformer_s18", 2022, "the block matters more than the token mixer", 3.8, f"the authors' {TIMM} 17.0 %"),
    Landmark("mobilenet_v4_conv_small", 2024, "one block for every accelerator"),
)


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Depth, receptive field and times of every landmark that is not known yet, small ones first."""
    from ._timing import machine

    if "ensemble" not in known:
        known = {**known, "ensemble": _contests.ensemble()}
        yield known
    found: dict[str, Any] = {**known, "machine": machine(), "models": dict(known.get("models", {}))}
    names = [landmark.name for landmark in LANDMARKS if landmark.name in variants()]
    for name in sorted(names, key=lambda name: variants()[name].parameters):
        if not _is_whole(found["models"].get(name, {})):
            found["models"][name] = _in_child(name)
            print(name, found["models"][name], flush=True)
            yield found


def _is_whole(entry: dict[str, Any]) -> bool:
    """Whether an earlier run measured all of it, or found out why that can't be."""
    return all(f"{scheme}_ms" in entry or f"{scheme}_error" in entry for scheme in SCHEMES)


def _in_child(name: str) -> dict[str, Any]:
    """Large models leave memory behind; a process of its own gives it back."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result: dict[str, Any] = pool.apply(_measured, (name,))
    return result


def _measured(name: str) -> dict[str, Any]:
    from edgecnn.builder import build_model
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.graph import keras_network
    from edgecnn.inspection.analysis import analyze
    from edgecnn.inspection.view import field_size

    from ._timing import processor_ms

    source = build_model(name)
    report = analyze(keras_network.read(source[0]))
    last = report.last_map
    field = field_size(last.reach if last else None)
    attends = any(row.layer.mixing == "attention" for row in report.layers)
    entry: dict[str, Any] = {
        "depth": depth(report),
        "field": field if "+" in field or not attends else f"{field}+",
        "parameters": report.network.parameters,
        "macs": report.total.macs,
    }
    for scheme in SCHEMES:
        try:
            entry[f"{scheme}_ms"], entry[f"{scheme}_bytes"] = processor_ms(source, scheme)
        except EdgecnnError as error:
            entry[f"{scheme}_error"] = str(error).splitlines()[0]
    return entry


def depth(report: Any) -> int:
    """Convolutions and dense layers on the longest path; a depthwise-separable pair counts as two."""
    deepest: dict[int, int] = {}
    for row in report.layers:
        layer = row.layer
        before = max((deepest.get(number, 0) for number in layer.inputs), default=0)
        weighted = layer.role in ("convolution", "depthwise", "separable", "dense")
        deepest.update(dict.fromkeys(layer.outputs, before + weighted))
    return max(deepest.values())


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    rows, notes = [], []
    for landmark in LANDMARKS:
        spec, own = variants().get(landmark.name), measured.get("models", {}).get(landmark.name, {})
        if spec is None:
            continue
        int8_bytes = own.get("int8_bytes")
        rows.append(
            [
                str(landmark.year),
                f"`{landmark.name}`",
                landmark.idea,
                str(own.get("depth", "")),
                own.get("field", ""),
                f"{landmark.top5_error} %" if landmark.top5_error else "-",
                f"{100 - spec.top1:.1f} %",
                _millions(own.get("parameters")),
                _millions(own.get("macs")),
                f"{int8_bytes / 1e6:.1f} MB" if int8_bytes else "-",
                f"{own['float32_ms']:.1f} ms" if "float32_ms" in own else "-",
                f"{own['int8_ms']:.1f} ms" if "int8_ms" in own else "-",
            ]
        )
        if landmark.source:
            notes.append([f"`{landmark.name}`", landmark.source])
    columns = (
        *("year", "model", "key idea", "depth", "field", "top-5 error", "top-1 error", "parameters", "MACs"),
        *("int8 file", "float32", "int8"),
    )
    return f"""
Errors are the published ones on ImageNet, lower is better; the rest is ours: counted from the graph, converted,
measured. *Depth* is the number of convolutions and dense layers on the longest path. *Field* is the receptive field of
the last feature map in pixels, as if the image had no edges (+: attention or squeeze-excite sees all of it anyway).

{table(columns, rows)}

Times: processor time of one inference at the paper's input size, {measured.get("machine", "")}. int8 is two
to four times faster where every operator has a fast int8 kernel (and the processor int8 dot products), hardly faster
where LayerNorm or attention take their share, and slower than float32 in `cvt_13` and `mobilenet_v3_large`. On a
board, measure there.

Three lines run through the table. From AlexNet to ResNet the error falls while the cost rises, until shortcuts make
depth safe. From MobileNet on the same error is bought with a tenth of the multiplications. And since EfficientNetV2
designs are judged by time on real hardware, because MACs alone predict it badly: compare the columns.

Where the top-5 errors are printed; a dash means that neither paper nor authors print one:

{table(["model", "source"], notes)}

The papers are those that `edgecnn models --json -` names.

{_contests.section(measured["ensemble"])}

{command("edgecnn models", "edgecnn inspect mobilenet_v1 efficientnet_lite0", "edgecnn profile lite0.tflite")}

"""


def _millions(count: int | None) -> str:
    return f"{count / 1e6:,.1f} M" if count else "-"
