"""MobileNet V3, small and large, each also "minimalistic": without squeeze-excite, hard-swish and 5x5 kernels.

Paper: Searching for MobileNetV3, arXiv:1905.02244, tables 1 and 2 (layers) and 3 (multiply-adds, accuracy). Parameter
counts in full digits: torchvision's documentation of its weights. The minimalistic models and their figures:
https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet (README.md). An accelerator
such as the Edge TPU can map all of their layers; hard-swish it can't.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks
from edgecnn.models.blocks import Residual, Style, make_divisible
from edgecnn.models.spec import Limit, ModelSpec

STYLE = Style("hard_swish", momentum=0.999, squeeze="relu", gate="hard_sigmoid")
STEM = 16
SQUEEZE = 0.25
TOP_EXPANSION = 6
HARD_SWISH_LIMIT = Limit(
    "edgetpu",
    ("stem_act", "block*_act", "top_act", "features_act"),
    "hard-swish becomes HARD_SWISH, which the Edge TPU does not have, so it and all operators after it run on "
    "the processor; the minimalistic models have no hard-swish",
)
PAPER = "Searching for MobileNetV3 (Howard et al., 2019)"


class Layer(NamedTuple):
    """One row of the paper's tables 1 and 2; `expansion` is a factor on the channels that come in."""

    kernel: int
    expansion: float
    filters: int
    squeeze: bool
    activation: str
    stride: int


LARGE = (
    Layer(3, 1, 16, False, "relu", 1),  # 112 x 112
    Layer(3, 4, 24, False, "relu", 2),  # 56
    Layer(3, 3, 24, False, "relu", 1),
    Layer(5, 3, 40, True, "relu", 2),  # 28
    Layer(5, 3, 40, True, "relu", 1),
    Layer(5, 3, 40, True, "relu", 1),
    Layer(3, 6, 80, False, "hard_swish", 2),  # 14
    Layer(3, 2.5, 80, False, "hard_swish", 1),
    Layer(3, 2.3, 80, False, "hard_swish", 1),
    Layer(3, 2.3, 80, False, "hard_swish", 1),
    Layer(3, 6, 112, True, "hard_swish", 1),
    Layer(3, 6, 112, True, "hard_swish", 1),
    Layer(5, 6, 160, True, "hard_swish", 2),  # 7
    Layer(5, 6, 160, True, "hard_swish", 1),
    Layer(5, 6, 160, True, "hard_swish", 1),
)
SMALL = (
    Layer(3, 1, 16, True, "relu", 2),  # 56 x 56
    Layer(3, 72 / 16, 24, False, "relu", 2),  # 28
    Layer(3, 88 / 24, 24, False, "relu", 1),
    Layer(5, 4, 40, True, "hard_swish", 2),  # 14
    Layer(5, 6, 40, True, "hard_swish", 1),
    Layer(5, 6, 40, True, "hard_swish", 1),
    Layer(5, 3, 48, True, "hard_swish", 1),
    Layer(5, 3, 48, True, "hard_swish", 1),
    Layer(5, 6, 96, True, "hard_swish", 2),  # 7
    Layer(5, 6, 96, True, "hard_swish", 1),
    Layer(5, 6, 96, True, "hard_swish", 1),
)
SIZES = {"large": (LARGE, 1280), "small": (SMALL, 1024)}


def _variant(parameters: float, macs: float, top1: float, size: str, minimalistic: bool = False) -> ModelSpec:
    return ModelSpec(
        input_size=224,
        paper=PAPER,
        url="https://arxiv.org/abs/1905.02244",
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"size": size, "minimalistic": minimalistic},
        weights=("keras_applications",),
        limits=() if minimalistic else (HARD_SWISH_LIMIT,),
    )


VARIANTS = {
    "mobilenet_v3_large": _variant(5_483_032, 219e6, 75.2, "large"),
    "mobilenet_v3_small": _variant(2_542_856, 56e6, 67.4, "small"),
    "mobilenet_v3_large_minimalistic": _variant(3.9e6, 209e6, 72.3, "large", True),
    "mobilenet_v3_small_minimalistic": _variant(2.0e6, 65e6, 61.9, "small", True),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.2,
    size: str = "large",
    minimalistic: bool = False,
    style: Mapping[str, Any] | None = None,
) -> Any:
    """Build a MobileNet V3.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: factor on the channel counts of the blocks, which become multiples of 8. The stem keeps its 16; below 1
            the layer before the logits keeps its width.
        dropout: share of features dropped before the logits while training.
        size: "large" or "small".
        minimalistic: without squeeze-excite, hard-swish and 5x5 kernels.
        style: fields of `Style` in which published weights differ from the reference implementation.
    """
    layers, features = SIZES[size]
    made = STYLE.changed({**({"activation": "relu"} if minimalistic else {}), **(style or {})})
    picture = blocks.picture(input_shape)
    x = blocks.conv_bn(picture, STEM, "stem", made, kernel=3, stride=2)
    for index, layer in enumerate(layers):
        layer = _simplified(layer) if minimalistic else layer
        block_style = dataclasses.replace(made, activation=layer.activation)
        x = blocks.inverted_residual(x, _block(x.shape[-1], layer, width), f"block{index}", block_style)
    x = blocks.conv_bn(x, make_divisible(x.shape[-1] * TOP_EXPANSION), "top", made)
    x = _features(blocks.pool(x), make_divisible(features * max(width, 1.0)), made)
    return blocks.network(picture, x, classes, dropout)


def _simplified(layer: Layer) -> Layer:
    return layer._replace(kernel=3, squeeze=False, activation="relu")


def _block(channels: int, layer: Layer, width: float) -> Residual:
    expanded = make_divisible(channels * layer.expansion)
    return Residual(
        make_divisible(layer.filters * width),
        expanded if layer.expansion > 1 else 0,
        layer.kernel,
        layer.stride,
        make_divisible(expanded * SQUEEZE) if layer.squeeze else 0,
    )


def _features(x: Any, units: int, style: Style) -> Any:
    """The "efficient last stage" (section 5.1): the widest layer comes after pooling, where it is cheap."""
    x = keras.layers.Dense(units, name="features")(x)
    return blocks.activate(x, style.activation, "features_act")
