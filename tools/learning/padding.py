"""*Same* and *valid* padding, by the names that frameworks give them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ._markdown import command, table

TITLE = "Same and valid padding in TensorFlow, Keras, PyTorch and Caffe"
SUMMARY = "one word, several sets of pixels, and why ported weights lose accuracy in silence"
ROW = np.arange(1, 7)
RULES = (
    (
        'TensorFlow `"VALID"`, Keras `"valid"`, PyTorch `padding=0` or `"valid"`, Caffe `pad: 0`',
        "nothing",
        "floor((n - k) / s) + 1",
    ),
    (
        'TensorFlow `"SAME"`, Keras `"same"`, TFLite `SAME`, ONNX `SAME_UPPER`',
        "max((ceil(n / s) - 1) s + k - n, 0) in all; an odd one below and to the right",
        "ceil(n / s)",
    ),
    ('PyTorch `padding="same"`', "k - 1 in all, as TensorFlow; stride 1 only, otherwise a ValueError", "n"),
    ("PyTorch `padding=p`, Caffe `pad: p`", "p on each side", "floor((n + 2p - k) / s) + 1"),
    (
        "Caffe's pooling, PyTorch pooling with `ceil_mode=True`",
        "p on each side; the last window may hang over",
        "ceil((n + 2p - k) / s) + 1",
    ),
)


def same(n: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros that TensorFlow's SAME puts before and after a side of n pixels."""
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def windows(n: int, kernel: int, stride: int, before: int, after: int) -> list[tuple[int, int]]:
    """First and last pixel that each output reads; below 0 and from n on are zeros."""
    count = (n + before + after - kernel) // stride + 1
    return [(index * stride - before, index * stride - before + kernel - 1) for index in range(count)]


def sums(row: np.ndarray, kernel: int, stride: int, padding: tuple[int, int]) -> list[int]:
    """A kernel of ones over a row, in NumPy."""
    padded = np.pad(row, padding)
    count = (len(padded) - kernel) // stride + 1
    return [int(padded[index * stride : index * stride + kernel].sum()) for index in range(count)]


def sums_by_frameworks(row: np.ndarray, kernel: int, stride: int) -> dict[str, list[int]]:
    """The same by TensorFlow and Keras."""
    from edgecnn.core.compat.tensorflow import keras, tf

    values, ones = row[None, None, :, None].astype("float32"), np.ones((1, kernel, 1, 1), "float32")
    layer = keras.layers.Conv2D(1, (1, kernel), stride, "same", use_bias=False, kernel_initializer="ones")
    around = keras.layers.ZeroPadding2D((0, kernel // 2))(values)
    found = {
        "TensorFlow SAME": tf.nn.conv2d(values, ones, stride, "SAME"),
        "Keras same": layer(values),
        "ZeroPadding2D, then VALID": tf.nn.conv2d(around, ones, stride, "VALID"),
        "TensorFlow VALID": tf.nn.conv2d(values, ones, stride, "VALID"),
    }
    return {name: answer.numpy().ravel().astype(int).tolist() for name, answer in found.items()}


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """EfficientNet-Lite0 with its own padding and with symmetric padding: EDGECNN_SHARED/data/imagenet-sample."""
    import dataclasses

    from ._models import imagenet_sample, lite0

    subject = lite0()
    images, truth = imagenet_sample(subject)
    own = subject.probabilities(images)
    changed, layers = with_symmetric_padding(subject.model)
    other = dataclasses.replace(subject, model=changed).probabilities(images)
    yield {
        "images": len(images),
        "layers": layers,
        "top1_percent": {"same": _percent(own, truth), "symmetric": _percent(other, truth)},
        "agreement_percent": _percent(other, own.argmax(axis=1)),
    }


def _percent(scores: np.ndarray, truth: np.ndarray) -> float:
    return round(float(100 * (scores.argmax(axis=1) == truth).mean()), 1)


def with_symmetric_padding(model: Any) -> tuple[Any, int]:
    """The model with its weights, every strided `same` convolution padded by k // 2 on all sides, and how many."""
    from edgecnn.core.compat.tensorflow import keras

    changed = []

    def copied(layer: Any) -> Any:
        config = layer.get_config()
        if config.get("padding") != "same" or max(layer.strides) == 1:
            return layer.__class__.from_config(config)
        changed.append(layer.name)
        around = keras.layers.ZeroPadding2D(layer.kernel_size[0] // 2)
        convolution = layer.__class__.from_config({**config, "padding": "valid"})
        return keras.Sequential([around, convolution], name=layer.name)

    clone = keras.models.clone_model(model, clone_function=copied)
    clone.set_weights(model.get_weights())
    return clone, len(changed)


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    found = sums_by_frameworks(ROW, 3, 2)
    asymmetric, symmetric = sums(ROW, 3, 2, same(6, 3, 2)), sums(ROW, 3, 2, (1, 1))
    if found["TensorFlow SAME"] != asymmetric or found["Keras same"] != asymmetric:
        raise AssertionError(f"{found} differs from {asymmetric}")
    if found["ZeroPadding2D, then VALID"] != symmetric:
        raise AssertionError(f"{found} differs from {symmetric}")
    rows = [
        _row('TensorFlow `"SAME"`, Keras `"same"`', same(6, 3, 2), asymmetric),
        _row("PyTorch `padding=1`, Caffe `pad: 1`", (1, 1), symmetric),
        _row('`"VALID"`', (0, 0), found["TensorFlow VALID"]),
    ]
    sizes = [[str(n), *(_pads(*same(n, kernel, 2)) for kernel in (2, 3, 5, 7))] for n in (224, 225)]
    return f"""
At its edges a convolution reads pixels that don't exist. **Valid** leaves those places out, so that the map shrinks;
**same** adds zeros, so that at stride 1 the map keeps its size. At stride 2 the frameworks mean different zeros.

## The rules by name

A side of n pixels, kernel k, stride s, no dilation (with dilation d, k is d(k - 1) + 1):

{table(["written", "zeros", "side of the output"], RULES)}

(TensorFlow: [tf.nn, notes on padding](https://www.tensorflow.org/api_docs/python/tf/nn); PyTorch:
[Conv2d](https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html); Caffe: `conv_layer.cpp` and
`pooling_layer.cpp`; TFLite knows `SAME` and `VALID` only, so that symmetric padding at stride 2 becomes a `PAD`
operator before a `VALID` convolution.)

## Which pixels are read

The row `{" ".join(map(str, ROW))}`, a 3-wide kernel of ones, stride 2. NumPy, TensorFlow and Keras computed it while
this page was written and agree; PyTorch's rule is computed by NumPy and by `ZeroPadding2D(1)` before `VALID`:

{table(["padding", "zeros before, after", "pixels that each output reads", "outputs"], rows)}

Both have three outputs, and no shape check notices that they are of other pixels: TensorFlow's windows lie one pixel
further to the right. One pixel at each of five strides of 2 adds up to 1 + 2 + 4 + 8 + 16 = **31 pixels** of the image:
the last map, whose cells are 32 pixels apart, is off by nearly a whole cell.

Zeros before and after at stride 2, by kernel:

{table(["side of the image", "k = 2", "k = 3", "k = 5", "k = 7"], sizes)}

So with odd kernels, TensorFlow pads *even* sides asymmetrically, and on *odd* sides both rules are the same. At stride
1 they always are.

## What it does to ported weights

EfficientNet-Lite0's weights were trained with TensorFlow's `SAME`. The same weights, with symmetric padding in its
{measured["layers"]} convolutions of stride 2, on {measured["images"]} ImageNet images (which the weights may have been
trained on, so compare the two rather than either with a published figure):

{_measured(measured)}

Nothing fails and no shape differs; accuracy is lost in silence. So a network whose weights come from PyTorch or Caffe
must be built with `ZeroPadding2D(k // 2)` before a `valid` convolution, as edgecnn builds its ResNets (for
torchvision's weights), and one whose weights come from TensorFlow with `same`, as its EfficientNets and MobileNets.

{command("edgecnn inspect resnet50 --geometry", "edgecnn inspect efficientnet_lite0 --geometry")}
"""


def _row(name: str, padding: tuple[int, int], outputs: list[int]) -> list[str]:
    reads = ", ".join(
        " ".join(str(ROW[place]) if 0 <= place < len(ROW) else "0" for place in range(first, last + 1))
        for first, last in windows(len(ROW), 3, 2, *padding)
    )
    return [name, _pads(*padding), reads, "`" + " ".join(map(str, outputs)) + "`"]


def _pads(before: int, after: int) -> str:
    return f"{before}, {after}"


def _measured(found: dict[str, Any]) -> str:
    top1 = found["top1_percent"]
    rows = [
        ["`same`, as trained", f"{top1['same']:.1f} %", "100.0 %"],
        ["symmetric", f"{top1['symmetric']:.1f} %", f"{found['agreement_percent']:.1f} %"],
    ]
    return table(["padding at stride 2", "top-1 accuracy", "same answer as trained"], rows)
