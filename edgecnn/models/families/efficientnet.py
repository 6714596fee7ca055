"""EfficientNet-B0 to B7: one block table, scaled in width, depth and input size together.

Paper: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, arXiv:1905.11946, table 1 (B0), table 2
(accuracy, multiply-accumulates). Parameter counts in full digits: torchvision's documentation of its weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.models import blocks as blocks_module
from edgecnn.models.blocks import FAN_OUT, IMAGENET_MEAN, IMAGENET_STD, Residual, Style, make_divisible
from edgecnn.models.spec import ModelSpec

PAPER = "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (Tan and Le, 2019)"
URL = "https://arxiv.org/abs/1905.11946"
STEM, TOP = 32, 1280

STYLE = Style("swish", squeeze="swish", gate="sigmoid", initializer=FAN_OUT)
DENSE = {"class_name": "VarianceScaling", "config": {"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"}}


@dataclass(frozen=True)
class Stage:
    """One row of the paper's table 1; the first block of a stage has its stride, the others have 1."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(1, 3, 1, 1, 16),  # 112 x 112
    Stage(2, 3, 2, 6, 24),  # 56
    Stage(2, 5, 2, 6, 40),  # 28
    Stage(3, 3, 2, 6, 80),  # 14
    Stage(3, 5, 1, 6, 112),  # 14
    Stage(4, 5, 2, 6, 192),  # 7
    Stage(1, 3, 1, 6, 320),  # 7
)


@dataclass(frozen=True)
class Scaling:
    """How a variant grows out of B0.

    Attributes:
        width: factor on the channels of every block.
        depth: factor on the repeats of every stage.
        fixed_ends: leave stem, top and the repeats of the first and last stage as in B0 (EfficientNet-Lite).
        squeeze: the squeeze-excite's middle as a share of the block's input channels; 0 for none.
        drop_connect: stochastic depth of the last block; it grows linearly from 0.
    """

    width: float = 1.0
    depth: float = 1.0
    fixed_ends: bool = False
    squeeze: float = 0.25
    drop_connect: float = 0.2

    def end(self, channels: int) -> int:
        """Channels of the stem or the top."""
        return channels if self.fixed_ends else make_divisible(channels * self.width)

    def repeats(self, stage: Stage) -> int:
        """How many blocks a stage gets."""
        if self.fixed_ends and stage in (STAGES[0], STAGES[-1]):
            return stage.repeats
        return math.ceil(self.depth * stage.repeats)

    def blocks(self) -> Iterator[Residual]:
        """All blocks, from the image to the top."""
        total = sum(self.repeats(stage) for stage in STAGES)
        channels, index = self.end(STEM), 0
        for stage in STAGES:
            filters = make_divisible(stage.filters * self.width)
            for repeat in range(self.repeats(stage)):
                yield Residual(
                    filters,
                    channels * stage.expansion if stage.expansion > 1 else 0,
                    stage.kernel,
                    1 if repeat else stage.stride,
                    max(1, int(channels * self.squeeze)) if self.squeeze else 0,
                    self.drop_connect * index / total,
                )
                channels, index = filters, index + 1


def network(input_shape: tuple[int, int, int], classes: int, scaling: Scaling, style: Style, dropout: float) -> Any:
    """The Keras model, (batch, height, width, channels) to logits (batch, classes)."""
    picture = blocks_module.picture(input_shape)
    x = blocks_module.conv_bn(picture, scaling.end(STEM), "stem", style, kernel=3, stride=2)
    for index, block in enumerate(scaling.blocks()):
        x = blocks_module.inverted_residual(x, block, f"block{index}", style)
    x = blocks_module.conv_bn(x, scaling.end(TOP), "top", style)
    return blocks_module.network(picture, blocks_module.pool(x), classes, dropout, DENSE)


def variant(size: int, scale: tuple[float, float, float], figures: tuple[float, float, float], **own: Any) -> ModelSpec:
    """One row of the table: width, depth and dropout; parameters, multiply-accumulates and top-1; what else differs."""
    width, depth, dropout = scale
    parameters, macs, top1 = figures
    return ModelSpec(
        input_size=size,
        paper=PAPER,
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"width_factor": width, "depth_factor": depth, "dropout": dropout},
        crop=size / (size + 32),
        **own,
    )


VARIANTS = {
    f"efficientnet_b{number}": variant(
        *row, url=URL, mean=IMAGENET_MEAN, std=IMAGENET_STD, weights=("keras_applications",)
    )
    for number, row in enumerate(
        (  # input size; width, depth, dropout; parameters, multiply-accumulates, top-1
            (224, (1.0, 1.0, 0.2), (5_288_548, 0.39e9, 77.1)),
            (240, (1.0, 1.1, 0.2), (7_794_184, 0.70e9, 79.1)),
            (260, (1.1, 1.2, 0.3), (9_109_994, 1.0e9, 80.1)),
            (300, (1.2, 1.4, 0.3), (12_233_232, 1.8e9, 81.6)),
            (380, (1.4, 1.8, 0.4), (19_341_616, 4.2e9, 82.9)),
            (456, (1.6, 2.2, 0.4), (30_389_784, 9.9e9, 83.6)),
            (528, (1.8, 2.6, 0.5), (43_040_704, 19e9, 84.0)),
            (600, (2.0, 3.1, 0.5), (66_347_960, 37e9, 84.3)),
        )
    )
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.2,
    width_factor: float = 1.0,
    depth_factor: float = 1.0,
    style: Mapping[str, Any] | None = None,
) -> Any:
    """Build an EfficientNet.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: a further factor on all channel counts, for a narrower or wider network than the paper's.
        dropout: share of features dropped before the logits while training.
        width_factor: the variant's own factor on channel counts.
        depth_factor: the variant's own factor on blocks per stage.
        style: fields of `Style` in which published weights differ from the reference implementation.
    """
    return network(input_shape, classes, Scaling(width_factor * width, depth_factor), STYLE.changed(style), dropout)
