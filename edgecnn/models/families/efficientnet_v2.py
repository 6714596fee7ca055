"""EfficientNetV2-B0 to B3 and S: regular convolutions in the early stages, where depthwise ones are slow.

Paper: EfficientNetV2: Smaller Models and Faster Training, arXiv:2104.00298, table 4 (S, layers), table 7 (S, accuracy).
B0 to B3, and the published figures of accuracy and multiply-accumulates:
https://github.com/google/automl/tree/master/efficientnetv2 (README.md). Parameters in full digits: torchvision's
documentation of its weights (S, 8.366 billion multiply-accumulates), timm's results table (B0 to B2: 7.14, 8.14, 10.10
million; 0.73, 1.21, 1.72 billion).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.models import blocks
from edgecnn.models.blocks import FAN_OUT, IMAGENET_MEAN, IMAGENET_STD, Residual, Style
from edgecnn.models.families.efficientnet import DENSE
from edgecnn.models.spec import ModelSpec

STYLE = Style("swish", momentum=0.9, squeeze="swish", gate="sigmoid", initializer=FAN_OUT)
TOP = 1280
DROP_CONNECT = 0.2  # stochastic depth of the last block; it grows linearly from 0


@dataclass(frozen=True)
class Stage:
    """One row of table 4; the first block of a stage has its stride, the others have 1."""

    repeats: int
    stride: int
    expansion: int
    filters: int
    fused: bool = False


STAGES = {
    "b": (
        Stage(1, 1, 1, 16, fused=True),  # 112 x 112
        Stage(2, 2, 4, 32, fused=True),  # 56
        Stage(2, 2, 4, 48, fused=True),  # 28
        Stage(3, 2, 4, 96),  # 14
        Stage(5, 1, 6, 112),  # 14
        Stage(8, 2, 6, 192),  # 7
    ),
    "s": (
        Stage(2, 1, 1, 24, fused=True),  # 192 x 192
        Stage(4, 2, 4, 48, fused=True),  # 96
        Stage(4, 2, 4, 64, fused=True),  # 48
        Stage(6, 2, 4, 128),  # 24
        Stage(9, 1, 6, 160),  # 24
        Stage(15, 2, 6, 256),  # 12
    ),
}
STEMS = {"b": 32, "s": 24}
SQUEEZE = 0.25  # the squeeze-excite's middle as a share of the block's input channels


def _variant(table: str, size: int, scale: tuple[float, float], figures: tuple[float, float, float]) -> ModelSpec:
    width, depth = scale
    parameters, macs, top1 = figures
    return ModelSpec(
        input_size=size,
        paper="EfficientNetV2: Smaller Models and Faster Training (Tan and Le, 2021)",
        url="https://arxiv.org/abs/2104.00298",
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"table": table, "width_factor": width, "depth_factor": depth},
        mean=IMAGENET_MEAN if table == "b" else (128.0,),
        std=IMAGENET_STD if table == "b" else (128.0,),
        crop=1.0 if table == "s" else 0.875,
        weights=("keras_applications",),
    )


VARIANTS = {  # input size; width, depth; parameters, multiply-accumulates, top-1
    "efficientnet_v2_b0": _variant("b", 224, (1.0, 1.0), (7.14e6, 0.73e9, 78.7)),
    "efficientnet_v2_b1": _variant("b", 240, (1.0, 1.1), (8.14e6, 1.21e9, 79.8)),
    "efficientnet_v2_b2": _variant("b", 260, (1.1, 1.2), (10.10e6, 1.72e9, 80.5)),
    "efficientnet_v2_b3": _variant("b", 300, (1.2, 1.4), (14.36e6, 3.0e9, 82.1)),
    "efficientnet_v2_s": _variant("s", 384, (1.0, 1.0), (21_458_488, 8.366e9, 83.9)),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.2,
    table: str = "b",
    width_factor: float = 1.0,
    depth_factor: float = 1.0,
    style: Mapping[str, Any] | None = None,
) -> Any:
    """Build an EfficientNetV2.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: a further factor on all channel counts.
        dropout: share of features dropped before the logits while training.
        table: "b" or "s".
        width_factor: the variant's own factor on channel counts.
        depth_factor: the variant's own factor on blocks per stage.
        style: fields of `Style` in which published weights differ from the reference implementation.
    """
    factor, made = width_factor * width, STYLE.changed(style)
    picture = blocks.picture(input_shape)
    x = blocks.conv_bn(picture, _channels(STEMS[table] * factor), "stem", made, kernel=3, stride=2)
    for index, (fused, block) in enumerate(_all_blocks(table, factor, depth_factor)):
        append = blocks.fused_residual if fused else blocks.inverted_residual
        x = append(x, block, f"block{index}", made)
    x = blocks.conv_bn(x, _channels(TOP * factor), "top", made)
    return blocks.network(picture, blocks.pool(x), classes, dropout, DENSE)


def _channels(filters: float) -> int:
    """To the nearest multiple of 8, also where that is more than 10 % down (otherwise than `make_divisible`)."""
    return max(8, int(filters + 4) // 8 * 8)


def _all_blocks(table: str, factor: float, depth_factor: float) -> Iterator[tuple[bool, Residual]]:
    """Whether a block is fused, and the block, from the image to the top."""
    rows = [(stage, repeat) for stage in STAGES[table] for repeat in range(math.ceil(stage.repeats * depth_factor))]
    channels = _channels(STEMS[table] * factor)
    for index, (stage, repeat) in enumerate(rows):
        filters = _channels(stage.filters * factor)
        block = Residual(
            filters,
            channels * stage.expansion if stage.expansion > 1 else 0,
            3,
            1 if repeat else stage.stride,
            0 if stage.fused else int(channels * SQUEEZE),
            DROP_CONNECT * index / len(rows),
        )
        yield stage.fused, block
        channels = filters
