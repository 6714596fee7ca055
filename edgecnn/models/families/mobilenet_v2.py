"""MobileNet V2: inverted residuals with linear bottlenecks.

Paper: MobileNetV2: Inverted Residuals and Linear Bottlenecks, arXiv:1801.04381, table 2 (layers) and table 4 (300
million multiply-adds, 72.0 %). Parameter count in full digits: torchvision's documentation of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecnn.models import blocks
from edgecnn.models.blocks import Residual, Style, make_divisible
from edgecnn.models.spec import ModelSpec

STYLE = Style("relu6", momentum=0.999)
STEM, TOP = 32, 1280

LAYERS = (  # expansion, filters, repeats, stride of the first
    (1, 16, 1, 1),  # 112 x 112
    (6, 24, 2, 2),  # 56
    (6, 32, 3, 2),  # 28
    (6, 64, 4, 2),  # 14
    (6, 96, 3, 1),  # 14
    (6, 160, 3, 2),  # 7
    (6, 320, 1, 1),  # 7
)

VARIANTS = {
    "mobilenet_v2": ModelSpec(
        input_size=224,
        paper="MobileNetV2: Inverted Residuals and Linear Bottlenecks (Sandler et al., 2018)",
        url="https://arxiv.org/abs/1801.04381",
        parameters=3_504_872,
        macs=300e6,
        top1=72.0,
        weights=("keras_applications",),
    )
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.2,
    style: Mapping[str, Any] | None = None,
) -> Any:
    """Build a MobileNet V2.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: the paper's multiplier; channel counts become multiples of 8. Below 1 the last convolution keeps
            its 1,280.
        dropout: share of features dropped before the logits while training.
        style: fields of `Style` in which published weights differ from the reference implementation.
    """
    made = STYLE.changed(style)
    picture = blocks.picture(input_shape)
    x = blocks.conv_bn(picture, make_divisible(STEM * width), "stem", made, kernel=3, stride=2)
    for stage, repeat, name in blocks.numbered(repeats for _, _, repeats, _ in LAYERS):
        expansion, filters, _, stride = LAYERS[stage]
        block = _block(x, expansion, int(filters * width), 1 if repeat else stride)
        x = blocks.inverted_residual(x, block, name, made)
    x = blocks.conv_bn(x, make_divisible(TOP * max(width, 1.0)), "top", made)
    return blocks.network(picture, blocks.pool(x), classes, dropout)


def _block(x: Any, expansion: int, filters: int, stride: int) -> Residual:
    return Residual(make_divisible(filters), x.shape[-1] * expansion if expansion > 1 else 0, stride=stride)
