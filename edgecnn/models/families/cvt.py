"""CvT-13: attention whose queries, keys and values come out of depthwise convolutions, in three shrinking stages.

Paper: CvT: Introducing Convolutions to Vision Transformers, arXiv:2103.15808, table 2 (layers), table 3 (19.98 million
parameters, 4.53 billion multiply-accumulates, 81.6 %); the authors' model has 19,997,480 parameters. As in the authors'
code (https://github.com/microsoft/CvT): the scale of the attention is that of all channels, not of one head; GELU is x
* sigmoid(1.702 x).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks as blocks_module
from edgecnn.models import transformer
from edgecnn.models.blocks import IMAGENET_MEAN, IMAGENET_STD, Style
from edgecnn.models.spec import ModelSpec

STYLE = Style("linear", momentum=0.9, epsilon=1e-5, symmetric=True, always_padded=True)
PROJECTION = STYLE.changed({"symmetric": False})
EXPANSION, HEAD_CHANNELS, EPSILON = 4, 64, 1e-5


@dataclass(frozen=True)
class Stage:
    """One column of table 2: the convolution that makes the tokens, and the blocks on them."""

    kernel: int
    stride: int
    heads: int
    blocks: int
    class_token: bool = False


STAGES = (
    Stage(7, 4, 1, 1),  # 56 x 56
    Stage(3, 2, 3, 2),  # 28
    Stage(3, 2, 6, 10, class_token=True),  # 14
)

VARIANTS = {
    "cvt_13": ModelSpec(
        input_size=224,
        paper="CvT: Introducing Convolutions to Vision Transformers (Wu et al., 2021)",
        url="https://arxiv.org/abs/2103.15808",
        parameters=19_997_480,
        macs=4.53e9,
        top1=81.6,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        limits=(transformer.TOKENS_LIMIT, transformer.ATTENTION_LIMIT, transformer.CLASS_TOKEN_LIMIT),
    )
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.0,
    drop: float = 0.1,
) -> Any:
    """Build a CvT-13.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: factor on the number of heads (64 channels each), rounded to whole ones.
        dropout: share of features dropped before the logits while training.
        drop: stochastic depth of the last block of each stage; it grows linearly from 0.
    """
    picture = x = blocks_module.picture(input_shape)
    index = 0
    for number, stage in enumerate(STAGES):
        heads = max(1, round(stage.heads * width))
        x, size = _tokens(x, stage, heads, f"embed{number}")
        for rate in transformer.drop_rates(drop if stage.class_token else 0.0, stage.blocks):
            x = _block(x, size, heads, stage.class_token, rate, f"block{index}")
            index += 1
        if not stage.class_token:
            x = keras.layers.Reshape((*size, x.shape[-1]), name=f"map{number}")(x)
    x = transformer.features_of_class_token(x, EPSILON)
    return blocks_module.network(picture, x, classes, dropout, transformer.TRUNCATED)


def _tokens(x: Any, stage: Stage, heads: int, name: str) -> tuple[Any, tuple[int, int]]:
    """A normalized token for every position of an overlapping convolution, and the size of that map."""
    channels = HEAD_CHANNELS * heads
    x = blocks_module.padded(x, 2 if stage.kernel == 7 else 1, name)
    x = blocks_module.conv(x, channels, name, kernel=stage.kernel, stride=stage.stride, padding="valid")
    size = (x.shape[1], x.shape[2])
    x = keras.layers.Reshape((size[0] * size[1], channels), name=f"{name}_tokens")(x)
    x = transformer.layer_norm(x, name, epsilon=EPSILON)
    return (transformer.class_token(x) if stage.class_token else x), size


def _block(x: Any, size: tuple[int, int], heads: int, class_token: bool, drop: float, name: str) -> Any:
    """Convolutional projections and attention, then a perceptron (figure 2b)."""
    y = transformer.layer_norm(x, f"{name}_mixer", epsilon=EPSILON)
    first, others = transformer.split_class_token(y, f"{name}_mixer") if class_token else (None, y)
    image = keras.layers.Reshape((*size, x.shape[-1]), name=f"{name}_map")(others)
    queries, keys, values = (
        _projection(image, first, stride, f"{name}_{part}") for part, stride in (("query", 1), ("key", 2), ("value", 2))
    )
    y = transformer.attend(queries, keys, values, name, heads=heads, scale=x.shape[-1] ** -0.5)
    x = blocks_module.add(x, y, f"{name}_mixer", drop)
    return transformer.feed_forward(x, EXPANSION, "quick_gelu", name, drop=drop, epsilon=EPSILON)


def _projection(image: Any, first: Any, stride: int, name: str) -> Any:
    """Depthwise 3x3 convolution and norm over the map, as tokens, behind the class token if there is one."""
    x = blocks_module.depthwise_bn(image, name, PROJECTION, stride=stride, act=False)
    x = keras.layers.Reshape((x.shape[1] * x.shape[2], x.shape[3]), name=f"{name}_tokens")(x)
    return x if first is None else keras.layers.Concatenate(axis=1, name=f"{name}_concat")([first, x])
