"""ConvFormer-S18: the transformer's frame (MetaFormer) with depthwise-separable convolutions in the place of attention.

Paper: MetaFormer Baselines for Vision, arXiv:2210.13452, table 1 (layers, 27 million parameters, 3.9 billion
multiply-accumulates, 83.0 %). Parameters and multiply-accumulates as timm counts them: 26.77 million, 3.96 billion. As
in the authors' code (https://github.com/sail-sg/metaformer): norms without shift, dense layers without bias, a
two-layer head.
"""

from __future__ import annotations

from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks, transformer
from edgecnn.models.blocks import IMAGENET_MEAN, IMAGENET_STD, make_divisible
from edgecnn.models.spec import ModelSpec

KERNEL, MIXER_EXPANSION, EXPANSION, HEAD_EXPANSION, EPSILON = 7, 2, 4, 4, 1e-6
FILTERS, REPEATS = (64, 128, 320, 512), (3, 3, 9, 3)  # 56 x 56, 28, 14, 7
SCALED_STAGES = (2, 3)  # where the shortcut has a learned factor per channel

VARIANTS = {
    "convformer_s18": ModelSpec(
        input_size=224,
        paper="MetaFormer Baselines for Vision (Yu et al., 2022)",
        url="https://arxiv.org/abs/2210.13452",
        parameters=26.77e6,
        macs=3.96e9,
        top1=83.0,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        crop=1.0,
    )
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.0,
    drop: float = 0.2,
) -> Any:
    """Build a ConvFormer-S18.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: factor on the channels of all layers, which become multiples of 8.
        dropout: share of features dropped before the logits while training.
        drop: stochastic depth of the last block; it grows linearly from 0.
    """
    rates = iter(transformer.drop_rates(drop, sum(REPEATS)))
    picture = x = blocks.picture(input_shape)
    for stage, repeat, name in blocks.numbered(REPEATS):
        x = x if repeat else _shrunk(x, make_divisible(FILTERS[stage] * width), stage)
        x = _block(x, stage in SCALED_STAGES, next(rates), name)
    x = transformer.layer_norm(blocks.pool(x), "features", epsilon=EPSILON)
    x = keras.layers.Dense(HEAD_EXPANSION * x.shape[-1], name="head")(x)
    x = blocks.activate(x, "squared_relu", "head_act")
    x = transformer.layer_norm(x, "head", epsilon=EPSILON)
    return blocks.network(picture, x, classes, dropout, transformer.TRUNCATED)


def _shrunk(x: Any, filters: int, stage: int) -> Any:
    """The convolution at the start of a stage, normalized after it (the first) or before it."""
    options: dict[str, Any] = {"padding": "valid", "kernel_initializer": dict(transformer.TRUNCATED)}
    if not stage:
        x = blocks.conv(blocks.padded(x, 2, "stem"), filters, "stem", kernel=7, stride=4, **options)
        return transformer.layer_norm(x, "stem", epsilon=EPSILON, center=False)
    name = f"down{stage}"
    x = transformer.layer_norm(x, name, epsilon=EPSILON, center=False)
    return blocks.conv(blocks.padded(x, 1, name), filters, name, kernel=3, stride=2, **options)


def _block(x: Any, scaled: bool, drop: float, name: str) -> Any:
    """Separable convolution, then a perceptron, each normalized before and added to what came."""
    y = transformer.layer_norm(x, f"{name}_mixer", epsilon=EPSILON, center=False)
    x = _added(x, _mixed(y, f"{name}_mixer"), scaled, drop, f"{name}_mixer")
    y = transformer.layer_norm(x, name, epsilon=EPSILON, center=False)
    y = transformer.perceptron(y, EXPANSION * x.shape[-1], "star_relu", name, bias=False)
    return _added(x, y, scaled, drop, name)


def _mixed(x: Any, name: str) -> Any:
    """1x1, 7x7 depthwise, 1x1."""
    channels = x.shape[-1]
    x = transformer.pointwise(x, MIXER_EXPANSION * channels, f"{name}_expand", bias=False)
    x = blocks.activate(x, "star_relu", f"{name}_act")
    x = transformer.depthwise(x, f"{name}_depthwise", kernel=KERNEL, bias=False)
    return transformer.pointwise(x, channels, f"{name}_project", bias=False)


def _added(shortcut: Any, x: Any, scaled: bool, drop: float, name: str) -> Any:
    if scaled:
        shortcut = transformer.layer_scale(shortcut, 1.0, f"{name}_shortcut")
    return blocks.add(shortcut, x, name, drop)
