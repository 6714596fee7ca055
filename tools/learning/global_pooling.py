"""Global average pooling against flatten and dense: parameters, input size, shifts, class activation maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ._markdown import command, figure, save_picture, table

TITLE = "Global average pooling"
SUMMARY = "the mean of each map instead of flatten and dense: fewer weights, any input size, and a map of the evidence"
MODELS = ("alexnet", "vgg16", "googlenet", "resnet50", "efficientnet_lite0")
SIZES = (160, 192, 224, 256, 320)
CLASSES, SHIFTS, CANVAS = 1000, (0, 1, 2, 4, 6), 40
STEPS, IMAGES, TESTED = 600, 12000, 2000


def head_weights(side: int, channels: int, pooled: bool) -> int:
    """Weights and biases from a map of side x side x channels to 1,000 classes."""
    return ((1 if pooled else side * side) * channels + 1) * CLASSES


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Counts, answers at other sizes, class activation maps and two small networks that differ in the head."""
    found: dict[str, Any] = {"models": _counted()}
    found["sizes"] = _resized()
    found["cam"] = _explained()
    yield found
    yield {**found, "shifted": _trained_heads()}


def _counted() -> dict[str, Any]:
    from edgecnn.builder import build_model
    from edgecnn.graph import keras_network
    from edgecnn.inspection.analysis import analyze

    found = {}
    for name in MODELS:
        model, _ = build_model(name)
        last = analyze(keras_network.read(model)).last_map
        dense = sum(layer.count_params() for layer in model.layers if type(layer).__name__ == "Dense")
        _, side, _, channels = last.output_shape if last else (0, 0, 0, 0)
        found[name] = {"side": side, "channels": channels, "dense": dense, "parameters": model.count_params()}
    return found


def _resized() -> list[dict[str, Any]]:
    from ._models import lite0, photograph

    rows = []
    for size in SIZES:
        subject = lite0(size)
        best = subject.answers(subject.fitted(photograph("chelsea")), 1)[0]
        last = subject.report.last_map
        rows.append(
            {
                "input_size": size,
                "map_side": last.output_shape[1] if last else 0,
                "parameters": subject.model.count_params(),
                "label": best["label"],
                "probability": round(float(best["probability"]), 3),
            }
        )
    return rows


def class_activation(subject: Any, image: np.ndarray, index: int) -> tuple[np.ndarray, float]:
    """Evidence for a class at each place, (height, width), and the logit minus bias that its mean should be."""
    from edgecnn.core.compat.tensorflow import keras

    dense, last = subject.model.layers[-1], subject.report.last_map
    part = keras.Model(subject.model.inputs, [subject.model.get_layer(last.layer.name).output, dense.output])
    maps, logits = part(subject.tensor(image[np.newaxis]), training=False)
    kernel, bias = dense.get_weights()
    return maps[0].numpy() @ kernel[:, index], float(logits[0, index]) - float(bias[index])


def _explained() -> list[dict[str, Any]]:
    from edgecnn.html import images as drawing

    from ._models import lite0, photograph

    subject, tiles, found = lite0(), [], []
    for name in ("chelsea", "coffee", "rocket"):
        image = subject.fitted(photograph(name))
        best = subject.answers(image, 1)[0]
        evidence, logit = class_activation(subject, image, best["index"])
        heat = np.maximum(evidence, 0) / evidence.max()
        tiles += [subject.shown(image), drawing.over(subject.shown(image), heat)]
        found.append({"label": best["label"], "logit": round(logit, 4), "mean": round(float(evidence.mean()), 4)})
    smaller = [drawing.scaled(tile, 112, 112, smooth=True) for tile in tiles]
    save_picture("global_pooling_cam.jpg", drawing.sheet(smaller, 6))
    return found


def small_network(pooled: bool) -> Any:
    """Three convolutions and one of the two heads, on a canvas larger than the image."""
    from edgecnn.core.compat.tensorflow import keras

    keras.utils.set_random_seed(0)
    image = x = keras.Input((CANVAS, CANVAS, 1))
    for channels, stride in ((16, 2), (32, 2), (64, 1)):
        x = keras.layers.Conv2D(channels, 3, strides=stride, padding="same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x) if pooled else keras.layers.Flatten()(x)
    return keras.Model(image, keras.layers.Dense(10)(x))


def placed(images: np.ndarray, shift: int) -> np.ndarray:
    """Images on the black canvas, `shift` pixels to the right and down of its middle."""
    margin = (CANVAS - images.shape[1]) // 2
    pads = (margin + shift, margin - shift)
    return np.pad(images, ((0, 0), pads, pads, (0, 0)), constant_values=-0.5)


def _trained_heads() -> dict[str, Any]:
    from ._training import accuracy_percent, fashion, train

    images, labels = fashion("train", IMAGES)
    tested, truth = fashion("test", TESTED)
    found = {}
    for name, pooled in (("flatten", False), ("pooled", True)):
        model = small_network(pooled)
        train(model, placed(images, 0), labels, STEPS)
        found[name] = {
            "parameters": model.layers[-1].count_params(),
            "accuracy_percent": [round(accuracy_percent(model, placed(tested, s), truth), 1) for s in SHIFTS],
        }
        print(name, found[name], flush=True)
    return found


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    cam = measured["cam"]
    worst = max(abs(row["logit"] - row["mean"]) for row in cam)
    labels = ", ".join(f"{row['label'].split(',')[0]} ({row['logit']:.2f})" for row in cam)
    return f"""
The last feature map has a place for each part of the image; a classifier needs one vector. **Flatten + dense** gives
every place of every channel its own weight per class. **Global average pooling** takes the mean of each channel first,
so that there is one weight per channel and class (Lin, Chen, Yan, *Network in Network*,
[2013](https://arxiv.org/abs/1312.4400), section 3.2).

## Weights

Counted from the graphs: the weights of the dense layers as they are, and those of one dense layer to {
        CLASSES:,} classes
in either way:

{_weights(measured["models"])}

Nearly all of AlexNet and VGG-16 is dense layers behind a flattened map. GoogLeNet took the mean instead, and gained 0.6
points of top-1 accuracy by it ([the paper](https://arxiv.org/abs/1409.4842), section 5).

## Any input size

A mean has no size: the same weights take larger and smaller images. EfficientNet-Lite0 on scikit-image's cat:

{_sizes(measured["sizes"])}

(That it *runs* at another size doesn't mean that it is as accurate there: objects look larger or smaller than in
training.) With flatten + dense, the dense layer would have another shape at each size.

## It doesn't matter where

Two small networks, the same three convolutions, Fashion-MNIST in the middle of a {CANVAS} x {CANVAS} canvas, {
        STEPS
    } steps of
training; tested on {TESTED:,} images that were moved to the right and down:

{_shifted(measured["shifted"])}

Flatten + dense knows *where* things were in training, and with a hundred times the weights it is far ahead in place.
But each pixel of shift costs it dearly, and at 4 pixels it guesses (10 % is guessing). The mean can't know where:
[invariance](equivariance.md) is built in, not learned. At 4 pixels, the network's stride, it is as good as in place;
what it loses in between is aliasing.

## Where is the evidence?

Mean and dense layer are both linear, so they can be exchanged: weigh the map's channels for a class first, and take the
mean of *that*. What is averaged is the **class activation map** (Zhou et al.,
[CVPR 2016](https://arxiv.org/abs/1512.04150)): the evidence for the class, place by place.

{figure("global_pooling_cam.jpg", "Three photographs, each beside its class activation map")}

The logits without bias, {labels}, are the means of these maps (largest difference: {worst:.4f}). This is what lets
`edgecnn visualize` explain a `.tflite` file, which has no gradients.

{
        command(
            "edgecnn build efficientnet_lite0 --weights imagenet -o lite0.keras",
            "edgecnn visualize lite0.keras cat.jpg -o cat.html --only gradcam",
            "edgecnn build efficientnet_lite0 --weights imagenet --input-size 160 -o small.keras",
        )
    }
"""


def _weights(models: dict[str, Any]) -> str:
    rows = []
    for name, own in models.items():
        side, channels = own["side"], own["channels"]
        rows.append(
            [
                f"`{name}`",
                f"{own['parameters'] / 1e6:.1f} M",
                f"{own['dense'] / 1e6:.1f} M ({own['dense'] / own['parameters']:.0%})",
                f"{side}x{side}x{channels}",
                f"{head_weights(side, channels, False) / 1e6:.1f} M",
                f"{head_weights(side, channels, True) / 1e6:.2f} M",
            ]
        )
    columns = ["model", "parameters", "of them dense", "last map", "flatten + dense would have", "mean + dense"]
    return table(columns, rows)


def _sizes(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            f"{row['input_size']} x {row['input_size']}",
            f"{row['map_side']} x {row['map_side']}",
            f"{row['parameters']:,}",
            row["label"].split(",")[0],
            f"{row['probability']:.0%}",
        ]
        for row in found
    ]
    return table(["image", "last map", "parameters", "answer", "probability"], rows)


def _shifted(found: dict[str, Any]) -> str:
    names = {"flatten": "flatten + dense", "pooled": "mean + dense"}
    rows = [
        [names[name], f"{own['parameters']:,}", *(f"{percent:.1f} %" for percent in own["accuracy_percent"])]
        for name, own in found.items()
    ]
    heads = ["in place" if shift == 0 else f"moved by {shift}" for shift in SHIFTS]
    return table(["head", "weights of the head", *heads], rows)
