"""CNN against ViT: inductive bias, data hunger, scale, cost and use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgecnn.html import charts

from . import _small_networks as small_networks
from ._markdown import command, figure, standalone, table

TITLE = "CNN against ViT"
SUMMARY = "what each assumes, how much data it wants, what it costs, and when to take DINOv2 or CLIP instead"
MODELS = ("mobilenet_v2", "resnet50", "vit_tiny_16", "vit_small_16")
SIZES = (96, 160, 224, 320, 448, 640)
# Top-1 accuracy in percent on ImageNet, and where it is printed.
_VIT, _DEIT = "[ViT](https://arxiv.org/abs/2010.11929)", "[DeiT](https://arxiv.org/abs/2012.12877)"
_DINO, _CLIP = "[DINOv2](https://github.com/facebookresearch/dinov2)", "[CLIP](https://arxiv.org/abs/2103.00020)"
HUNGER = (
    ("ViT-B/16", "ImageNet, 1.3 M", 77.91, f"{_VIT}, table 5"),
    ("ViT-L/16", "ImageNet, 1.3 M", 76.53, f"{_VIT}, table 5"),
    ("ViT-B/16", "ImageNet-21k, 14 M", 83.97, f"{_VIT}, table 5"),
    ("ViT-L/16", "ImageNet-21k, 14 M", 85.15, f"{_VIT}, table 5"),
    ("ViT-B/16", "JFT, 303 M", 84.15, f"{_VIT}, table 5"),
    ("ViT-L/16", "JFT, 303 M", 87.12, f"{_VIT}, table 5"),
    (
        "DeiT-B (the same ViT-B/16)",
        "ImageNet, 1.3 M, much augmentation",
        81.8,
        f"{_DEIT}, [models](https://github.com/facebookresearch/deit)",
    ),
    (
        "DeiT-B, distilled from a CNN",
        "ImageNet, 1.3 M, much augmentation",
        83.4,
        f"{_DEIT}, [models](https://github.com/facebookresearch/deit)",
    ),
    (
        "ConvNeXt-B (CNN)",
        "ImageNet, 1.3 M, much augmentation",
        83.8,
        "[ConvNeXt](https://github.com/facebookresearch/ConvNeXt)",
    ),
    ("ConvNeXt-B (CNN)", "ImageNet-22k, 14 M", 85.8, "[ConvNeXt](https://github.com/facebookresearch/ConvNeXt)"),
    ("NFNet-F7+ (CNN)", "JFT-4B, 4,000 M", 90.4, "[Smith et al.](https://arxiv.org/abs/2310.16764), abstract"),
)
FOUNDATION = (
    ("DINOv2 ViT-S/14, frozen, linear head", "142 M images without labels", 81.1, _DINO),
    ("DINOv2 ViT-g/14, frozen, linear head", "142 M images without labels", 86.5, _DINO),
    ("CLIP ViT-L/14@336px, no training images", "400 M images with their captions", 76.2, f"{_CLIP}, table 1"),
)

ADVICE = (
    (
        "a Raspberry Pi, a Coral, a phone; frames per second",
        "a CNN, [fine-tuned](transfer_learning.md)",
        "int8 kernels for all of it, linear in the pixels, learns from few images",
    ),
    (
        "a few hundred labeled images, and a server",
        "**DINOv2**, frozen, with a linear head or nearest neighbors",
        "good features without fine-tuning, also for segmentation, depth and retrieval",
    ),
    (
        "no labeled images, but names for the classes",
        "**CLIP**: classes are written as text",
        "zero-shot, search by text; weak at counting and fine distinctions (its paper's section 6)",
    ),
    (
        "classes that change every week",
        "CLIP, or DINOv2 with nearest neighbors",
        "a class is added by a word or an example, without training",
    ),
    ("millions of images, many GPUs", "either", "with that much data the assumptions matter little"),
    (
        "a good large model and a small device",
        "both: let DINOv2 or CLIP label images, or distill a fine-tuned model",
        "the CNN runs on the device; [`edgecnn label` and `edgecnn train --teacher`](how_to/teachers.md)",
    ),
)


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Count and time each model at each size."""
    from edgecnn.builder import build_model
    from edgecnn.graph import keras_network
    from edgecnn.inspection.analysis import analyze
    from edgecnn.models import variants

    from ._timing import machine, processor_ms

    if "hunger" not in known:
        known = {**known, "hunger": small_networks.trained()}
        yield known
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
        yield {**known, "machine": machine(), "models": found}


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    models, hunger = measured.get("models", {}), measured["hunger"]
    return f"""
## What each assumes

A CNN is built on two assumptions about images, its **inductive bias**: what belongs together is close together
(*locality*: small kernels), and a thing is the same thing everywhere
([*translation equivariance*](equivariance.md): one kernel for all places). A ViT assumes next to nothing: it cuts the
image into patches, and may look from every patch at every other from the first layer on. Which patches are neighbors it
must learn, from position embeddings that start at random.

That can be measured. Shuffle the patches of all images, training and test, in one and the same way: for a ViT nothing
has changed but the names of the positions, while a CNN's neighborhoods are torn. Shuffle single pixels, and its
patches are torn too. A CNN of {hunger["cnn"]["parameters"]:,} parameters and a ViT of
{hunger["vit"]["parameters"]:,}, {small_networks.COUNTS[-1]:,} images of CIFAR-10, {small_networks.STEPS} steps of Adam,
no augmentation, test accuracy:

{small_networks.shuffled(hunger)}

{small_networks.verdict_on_shuffling(hunger)}

## How much data each wants

An assumption that holds needs no data to be learned. The same two networks, as many steps on fewer or more images:

{small_networks.few_and_many(hunger)}

{small_networks.verdict_on_hunger(hunger)}

On ImageNet, published top-1 accuracies:

{_published(HUNGER)}

(ViT's are fine-tuned at 384 pixels, NFNet's at a higher resolution too, the others at 224.)

- From 1.3 million images the *larger* ViT is the worse one, and ResNets of the same recipe are ahead (the paper's
  figure 3); from 300 million the larger one leads.
- Much augmentation, or a CNN as the teacher, replaces much of the data.
- With the same training and the same compute, CNNs scale as ViTs do: what looked like a matter of architecture was
  largely one of data and recipe.

## What each costs

{_cost(measured, models)}

## Which to take

{table(["you have", "take", "because"], ADVICE)}

What they reach without training a single weight of the backbone, on ImageNet:

{_published(FOUNDATION)}

The smallest DINOv2 has 21 M parameters and 257 tokens at 224 pixels ([model
card](https://github.com/facebookresearch/dinov2/blob/main/MODEL_CARD.md)). `vit_small_16` above has as many
parameters and 197 tokens, so its time is a lower bound for DINOv2's: {_factor(models)}. edgecnn builds neither DINOv2
nor CLIP; they belong on the machine that prepares the data.

{command("edgecnn inspect mobilenet_v2 vit_tiny_16", "edgecnn inspect mobilenet_v2 vit_tiny_16 --input-size 96,224")}
"""


def _cost(measured: dict[str, Any], models: dict[str, Any]) -> str:
    return f"""A convolution looks at a window of fixed size at every place: four times as many pixels are four times
the work, **O(H W)**. Attention compares every patch with every other: with patches of p x p pixels there are N = H W
/ p^2 tokens, and N^2 pairs, **O((H W / p^2)^2)**, beside dense layers that are linear in N. For a ViT of width D and
depth L that is about

    12 L N D^2   (dense layers: linear in the pixels)   +   2 L N^2 D   (attention: quadratic)

so attention overtakes the dense layers when N exceeds 6 D: at 16x16 patches that is an image of about 540 pixels for
ViT-Tiny (D = 192) and 770 for ViT-Small (D = 384). Below, the quadratic part is there but small.

{_tables(models)}

{figure("cnn_vs_vit.svg", "Processor time over input size")}

MACs are counted from the graphs; times are the processor time of the float32 `.tflite`, {measured.get("machine", "")}.
The exponent is that of cost ~ pixels^e between the smallest and the largest image: 1 is linear, 2 is quadratic.

{_exponents(models)}

Two more differences that the exponents don't show: a CNN's early maps are large, so its activations need more memory
at once; and a CNN can be run at another size with the same weights, while a ViT's position embeddings must be
resampled."""


def _published(figures: tuple[tuple[str, str, float, str], ...]) -> str:
    rows = [[model, data, f"{top1:g} %", source] for model, data, top1, source in figures]
    return table(["model", "trained on", "top-1", "source"], rows)


def _factor(models: dict[str, Any]) -> str:
    times = {
        name: next(point["ms"] for point in models[name] if point["input_size"] == 224)
        for name in ("mobilenet_v2", "vit_small_16")
    }
    return f"{times['vit_small_16'] / times['mobilenet_v2']:.0f} times MobileNetV2's at 224 pixels"


def _tables(models: dict[str, Any]) -> str:
    rows = []
    for name, points in models.items():
        for point in points:
            share = f"{point['attention_macs'] / point['macs']:.0%}" if point["attention_macs"] else ""
            size = f"{point['input_size']} x {point['input_size']}"
            memory = f"{point['peak_activation_bytes'] / 1e6:.1f} MB"
            rows.append([f"`{name}`", size, f"{point['macs'] / 1e6:,.0f} M", share, memory, f"{point['ms']:,.1f} ms"])
    return table(["model", "image", "MACs", "of them attention", "activations at once", "time"], rows)


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
    curve = charts.lines([float(size) for size in SIZES], series, "input size in pixels", "processor time in ms")
    return {"cnn_vs_vit.svg": standalone(curve)}
