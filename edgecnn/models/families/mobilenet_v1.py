"""MobileNet V1: a chain of depthwise-separable convolutions.

Paper: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, arXiv:1704.04861, table 1
(layers) and table 4 (569 million multiply-adds, 4.2 million parameters, 70.6 %).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecnn.models import blocks
from edgecnn.models.blocks import Style
from edgecnn.models.spec import ModelSpec

STYLE = Style("relu6")
STEM = 32
FEWEST_CHANNELS = 8

LAYERS = (  # filters, stride
    (64, 1),  # 112 x 112
    (128, 2),  # 56
    (128, 1),
    (256, 2),  # 28
    (256, 1),
    (512, 2),  # 14
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),  # 7
    (1024, 1),
)

PAPER = "MobileNets: Efficient CNNs for Mobile Vision Applications (Howard et al., 2017)"

VARIANTS = {
    "mobilenet_v1": ModelSpec(
        input_size=224,
        paper=PAPER,
        url="https://arxiv.org/abs/1704.04861",
        parameters=4.2e6,
        macs=569e6,
        top1=70.6,
        weights=("keras_applications",),
    )
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 1e-3,
    style: Mapping[str, Any] | None = None,
) -> Any:
    """Build a MobileNet V1.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: the paper's alpha; channel counts are cut to whole numbers, not rounded to multiples of 8.
        dropout: share of features dropped before the logits while training.
        style: fields of `Style` in which published weights differ from the reference implementation.
    """
    made = STYLE.changed(style)
    picture = blocks.picture(input_shape)
    x = blocks.conv_bn(picture, _channels(STEM, width), "stem", made, kernel=3, stride=2)
    for index, (filters, stride) in enumerate(LAYERS):
        x = blocks.separable(x, _channels(filters, width), f"block{index}", made, stride=stride)
    return blocks.network(picture, blocks.pool(x), classes, dropout)


def _channels(filters: int, width: float) -> int:
    return max(int(filters * width), FEWEST_CHANNELS)
