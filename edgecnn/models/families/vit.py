"""ViT-Tiny, Small and Base: patches of 16 x 16, each of which looks at every other.

Paper: An Image is Worth 16x16 Words, arXiv:2010.11929, section 3.1, table 1 (Base). Tiny and Small: Training
data-efficient image transformers (DeiT), arXiv:2012.12877, table 1, the same network with 3 and 6 heads; accuracy of
its table 5 (Base too, since the paper's own was pretrained on other images). Figures in full digits: torchvision's
documentation of its weights (Base, 17.564 billion multiply-accumulates); timm's models (Tiny and Small; 1.26 and 4.61
billion in its results table, which counts norms too).
"""

from __future__ import annotations

from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks, transformer
from edgecnn.models.blocks import IMAGENET_MEAN, IMAGENET_STD
from edgecnn.models.spec import ModelSpec

PATCH, BLOCKS, EXPANSION, HEAD_CHANNELS, EPSILON = 16, 12, 4, 64, 1e-6


def _variant(heads: int, parameters: float, macs: float, top1: float) -> ModelSpec:
    return ModelSpec(
        input_size=224,
        paper="An Image is Worth 16x16 Words (Dosovitskiy et al., 2020)",
        url="https://arxiv.org/abs/2010.11929",
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"heads": heads},
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        limits=(
            transformer.CLASS_TOKEN_LIMIT,
            transformer.TOKENS_LIMIT,
            transformer.ATTENTION_LIMIT,
            transformer.GELU_LIMIT,
        ),
    )


VARIANTS = {
    "vit_tiny_16": _variant(3, 5_717_416, 1.26e9, 72.2),
    "vit_small_16": _variant(6, 22_050_664, 4.61e9, 79.8),
    "vit_base_16": _variant(12, 86_567_656, 17.564e9, 81.8),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.0,
    heads: int = 3,
    drop: float = 0.1,
) -> Any:
    """Build a ViT.

    Args:
        input_shape: (height, width, channels) of the normalized image; pixels that fill no whole patch are cut off.
            The position embeddings depend on it.
        classes: number of logits.
        width: factor on the number of heads (64 channels each), rounded to whole ones.
        dropout: share of features dropped before the logits while training.
        heads: of the attention.
        drop: stochastic depth of the last block; it grows linearly from 0.
    """
    from edgecnn.models.layers import PositionEmbedding

    heads = max(1, round(heads * width))
    channels = HEAD_CHANNELS * heads
    picture = blocks.picture(input_shape)
    options: dict[str, Any] = {"padding": "valid", "kernel_initializer": dict(transformer.TRUNCATED)}
    x = blocks.conv(picture, channels, "patches", kernel=PATCH, stride=PATCH, **options)
    x = keras.layers.Reshape((-1, channels), name="tokens")(x)
    x = PositionEmbedding(name="positions")(transformer.class_token(x))
    for index, rate in enumerate(transformer.drop_rates(drop, BLOCKS)):
        x = _block(x, heads, rate, f"block{index}")
    x = transformer.features_of_class_token(x, EPSILON)
    return blocks.network(picture, x, classes, dropout, transformer.TRUNCATED)


def _block(x: Any, heads: int, drop: float, name: str) -> Any:
    """Attention, then a perceptron, each normalized before and added to what came (figure 1, right)."""
    y = transformer.layer_norm(x, f"{name}_mixer", epsilon=EPSILON)
    y = transformer.attend(y, y, y, name, heads=heads)
    x = blocks.add(x, y, f"{name}_mixer", drop)
    return transformer.feed_forward(x, EXPANSION, "gelu", name, drop=drop, epsilon=EPSILON)
