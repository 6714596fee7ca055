"""ConvNeXt-Tiny, Small and Base: a ResNet with a transformer's manners: 7x7 depthwise, LayerNorm, GELU, few norms.

Paper: A ConvNet for the 2020s, arXiv:2201.03545, section 3 and figure 4 (block), table 1 (accuracy). Figures in full
digits: torchvision's documentation of its weights (4.456, 8.684, 15.355 billion multiply-accumulates).

All of it goes to int8. LayerNorm is written for that (`_layers.LayerNorm`), GELU is one operator of TFLite. What they
cost, by `tools/norm_cost` on x86 with one thread, for ConvNeXt-Tiny at a quarter of the width, 32 pixels, 12 epochs on
10,000 images of CIFAR-10, 2,000 for the test: top-1 51.25 % in float and in int8 (50.90 % with Keras's own
LayerNorm), the same answer for 97.1 % (96.7); 10 % of the time is LayerNorm (8 % L2_NORMALIZATION, 2 % MEAN; in Keras's
own at least 16 %, SQUARED_DIFFERENCE, RSQRT and MEAN), 1 % is GELU. A batch norm costs nothing: it is folded into its
convolution.
"""

from __future__ import annotations

from typing import Any

from edgecnn.models import blocks, transformer
from edgecnn.models.blocks import IMAGENET_MEAN, IMAGENET_STD, make_divisible
from edgecnn.models.spec import ModelSpec

KERNEL, EXPANSION, LAYER_SCALE = 7, 4, 1e-6
TINY, BASE = (96, 192, 384, 768), (128, 256, 512, 1024)  # 56 x 56, 28, 14, 7


def _variant(
    filters: tuple[int, ...], repeats: tuple[int, ...], drop: float, figures: tuple[float, float, float]
) -> ModelSpec:
    parameters, macs, top1 = figures
    return ModelSpec(
        input_size=224,
        paper="A ConvNet for the 2020s (Liu et al., 2022)",
        url="https://arxiv.org/abs/2201.03545",
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"filters": filters, "repeats": repeats, "drop": drop},
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights=("keras_applications",),
        limits=(transformer.GELU_LIMIT,),
    )


VARIANTS = {
    "convnext_tiny": _variant(TINY, (3, 3, 9, 3), 0.1, (28_589_128, 4.456e9, 82.1)),
    "convnext_small": _variant(TINY, (3, 3, 27, 3), 0.4, (50_223_688, 8.684e9, 83.1)),
    "convnext_base": _variant(BASE, (3, 3, 27, 3), 0.5, (88_591_464, 15.355e9, 83.8)),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.0,
    filters: tuple[int, ...] = TINY,
    repeats: tuple[int, ...] = (3, 3, 9, 3),
    drop: float = 0.1,
) -> Any:
    """Build a ConvNeXt.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: factor on the channels of all layers, which become multiples of 8.
        dropout: share of features dropped before the logits while training.
        filters: channels per stage.
        repeats: blocks per stage.
        drop: stochastic depth of the last block; it grows linearly from 0.
    """
    rates = iter(transformer.drop_rates(drop, sum(repeats)))
    picture = x = blocks.picture(input_shape)
    for stage, repeat, name in blocks.numbered(repeats):
        x = x if repeat else _shrunk(x, make_divisible(filters[stage] * width), stage)
        x = _block(x, next(rates), name)
    x = transformer.layer_norm(blocks.pool(x), "features")
    return blocks.network(picture, x, classes, dropout, transformer.TRUNCATED)


def _shrunk(x: Any, filters: int, stage: int) -> Any:
    """The convolution at the start of a stage, normalized after it (the first) or before it."""
    options: dict[str, Any] = {"kernel_initializer": dict(transformer.TRUNCATED), "padding": "valid"}
    if not stage:
        x = blocks.conv(x, filters, "stem", kernel=4, stride=4, **options)
        return transformer.layer_norm(x, "stem")
    x = transformer.layer_norm(x, f"down{stage}")
    return blocks.conv(x, filters, f"down{stage}", kernel=2, stride=2, **options)


def _block(x: Any, drop: float, name: str) -> Any:
    shortcut, channels = x, x.shape[-1]
    x = transformer.depthwise(x, f"{name}_depthwise", kernel=KERNEL)
    x = transformer.layer_norm(x, name)
    x = transformer.perceptron(x, EXPANSION * channels, "gelu", name)
    x = transformer.layer_scale(x, LAYER_SCALE, name)
    return blocks.add(shortcut, x, name, drop)
