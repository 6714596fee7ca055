"""MobileNetV4-Conv-Small and Medium: one block with two optional depthwise convolutions, found by search.

Paper: MobileNetV4: Universal Models for the Mobile Ecosystem, arXiv:2404.10518, figure 4 (the universal inverted
bottleneck), tables 11 and 12 (layers), table 5 (accuracy; 0.2 and 1.0 billion multiply-accumulates).
Multiply-accumulates as timm's results table has them, with norms: 0.19 billion at 224 pixels, 1.10 at 256; parameters
in full digits, timm's models. Only ReLU, no squeeze-excite, no attention: all of it runs on the Edge TPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks
from edgecnn.models.blocks import FAN_OUT, Residual, Style, make_divisible
from edgecnn.models.spec import ModelSpec

STYLE = Style("relu", momentum=0.99, initializer=FAN_OUT)
STEM, TOP, FEATURES = 32, 960, 1280


class Conv(NamedTuple):
    """A regular convolution with norm and activation."""

    kernel: int
    stride: int
    filters: int


class Fused(NamedTuple):
    """A fused inverted bottleneck: regular convolution, then 1x1."""

    kernel: int
    stride: int
    expansion: int
    filters: int


class Universal(NamedTuple):
    """A universal inverted bottleneck: depthwise, 1x1, depthwise, 1x1.

    Without the first depthwise (kernel 0) it is MobileNetV2's, without the second ConvNeXt's, with both "extra
    depthwise", with none a feed-forward network.
    """

    start: int
    middle: int
    stride: int
    expansion: int
    filters: int


SMALL = (
    Conv(3, 2, 32),  # 56 x 56
    Conv(1, 1, 32),
    Conv(3, 2, 96),  # 28
    Conv(1, 1, 64),
    Universal(5, 5, 2, 3, 96),  # 14
    Universal(0, 3, 1, 2, 96),
    Universal(0, 3, 1, 2, 96),
    Universal(0, 3, 1, 2, 96),
    Universal(0, 3, 1, 2, 96),
    Universal(3, 0, 1, 4, 96),
    Universal(3, 3, 2, 6, 128),  # 7
    Universal(5, 5, 1, 4, 128),
    Universal(0, 5, 1, 4, 128),
    Universal(0, 5, 1, 3, 128),
    Universal(0, 3, 1, 4, 128),
    Universal(0, 3, 1, 4, 128),
)
MEDIUM = (
    Fused(3, 2, 4, 48),  # 64 x 64
    Universal(3, 5, 2, 4, 80),  # 32
    Universal(3, 3, 1, 2, 80),
    Universal(3, 5, 2, 6, 160),  # 16
    Universal(3, 3, 1, 4, 160),
    Universal(3, 3, 1, 4, 160),
    Universal(3, 5, 1, 4, 160),
    Universal(3, 3, 1, 4, 160),
    Universal(3, 0, 1, 4, 160),
    Universal(0, 0, 1, 2, 160),
    Universal(3, 0, 1, 4, 160),
    Universal(5, 5, 2, 6, 256),  # 8
    Universal(5, 5, 1, 4, 256),
    Universal(3, 5, 1, 4, 256),
    Universal(3, 5, 1, 4, 256),
    Universal(0, 0, 1, 4, 256),
    Universal(3, 0, 1, 4, 256),
    Universal(3, 5, 1, 2, 256),
    Universal(5, 5, 1, 4, 256),
    Universal(0, 0, 1, 4, 256),
    Universal(0, 0, 1, 4, 256),
    Universal(5, 0, 1, 2, 256),
)
SIZES: dict[str, tuple[Conv | Fused | Universal, ...]] = {"small": SMALL, "medium": MEDIUM}


def _variant(size: str, pixels: int, parameters: float, macs: float, top1: float) -> ModelSpec:
    return ModelSpec(
        input_size=pixels,
        paper="MobileNetV4: Universal Models for the Mobile Ecosystem (Qin et al., 2024)",
        url="https://arxiv.org/abs/2404.10518",
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"size": size},
    )


VARIANTS = {
    "mobilenet_v4_conv_small": _variant("small", 224, 3_774_024, 0.19e9, 73.8),
    "mobilenet_v4_conv_medium": _variant("medium", 256, 9_715_512, 1.10e9, 79.9),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.2,
    size: str = "small",
    style: Mapping[str, Any] | None = None,
) -> Any:
    """Build a MobileNetV4.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: factor on the channel counts, which become multiples of 8. Below 1 the layer before the logits keeps its
            width.
        dropout: share of features dropped before the logits while training.
        size: "small" or "medium".
        style: fields of `Style` in which published weights differ from the reference implementation.
    """
    made = STYLE.changed(style)
    picture = blocks.picture(input_shape)
    x = blocks.conv_bn(picture, make_divisible(STEM * width), "stem", made, kernel=3, stride=2)
    for index, layer in enumerate(SIZES[size]):
        x = _append(x, layer._replace(filters=make_divisible(layer.filters * width)), f"block{index}", made)
    x = blocks.conv_bn(x, make_divisible(TOP * width), "top", made)
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    x = blocks.conv_bn(x, make_divisible(FEATURES * max(width, 1.0)), "features", made)
    x = keras.layers.Flatten(name="flatten")(x)
    return blocks.network(picture, x, classes, dropout)


def _append(x: Any, layer: Conv | Fused | Universal, name: str, made: Style) -> Any:
    if isinstance(layer, Conv):
        return blocks.conv_bn(x, layer.filters, name, made, kernel=layer.kernel, stride=layer.stride)
    if isinstance(layer, Fused):
        block = Residual(layer.filters, x.shape[-1] * layer.expansion, layer.kernel, layer.stride)
        return blocks.fused_residual(x, block, name, made)
    return _universal(x, layer, name, made)


def _universal(x: Any, layer: Universal, name: str, made: Style) -> Any:
    shortcut = x
    expanded = make_divisible(x.shape[-1] * layer.expansion)
    first, middle = (1, layer.stride) if layer.middle else (layer.stride, 1)
    if layer.start:
        x = blocks.depthwise_bn(x, f"{name}_start", made, kernel=layer.start, stride=first, act=False)
    x = blocks.conv_bn(x, expanded, f"{name}_expand", made)
    if layer.middle:
        x = blocks.depthwise_bn(x, f"{name}_middle", made, kernel=layer.middle, stride=middle)
    x = blocks.conv_bn(x, layer.filters, f"{name}_project", made, act=False)
    fits = layer.stride == 1 and shortcut.shape[-1] == layer.filters
    return blocks.add(shortcut, x, name) if fits else x
