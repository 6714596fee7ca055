"""AlexNet, and the version in one tower that most frameworks ship.

Paper: ImageNet Classification with Deep Convolutional Neural Networks (NIPS 2012), section 3.5 and figure 2: "60
million parameters"; layer by layer they are 60,965,224. Accuracy: table 2, one network (40.7 % top-1 error).
Multiply-accumulates, 724 million: Sze et al., Efficient Processing of Deep Neural Networks, arXiv:1703.09039, table II.
The convolutions 2, 4 and 5 see half of the channels each, which was made for two GPUs. One tower: One weird trick for
parallelizing convolutional neural networks, arXiv:1404.5997; figures in full digits: torchvision's documentation of its
weights (0.714 billion multiply-accumulates).

Left out: local response normalization. TFLite computes it in float only, it has no weights, and VGG's paper (table 3,
A against A-LRN) found no use in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks
from edgecnn.models.blocks import IMAGENET_MEAN, IMAGENET_STD, make_divisible
from edgecnn.models.spec import Limit, ModelSpec

HIDDEN = 4096


@dataclass(frozen=True)
class Layer:
    """One convolution; `pooled` puts a 3x3 maximum with stride 2 after it."""

    kernel: int
    stride: int = 1
    pooled: bool = False


LAYERS = (
    Layer(11, 4, pooled=True),  # 55 x 55, pooled 27
    Layer(5, pooled=True),  # 27, pooled 13
    Layer(3),  # 13
    Layer(3),  # 13
    Layer(3, pooled=True),  # 13, pooled 6
)
TOWERS = {  # filters and groups of each layer
    "two": ((96, 256, 384, 384, 256), (1, 2, 1, 2, 2)),
    "one": ((64, 192, 384, 256, 256), (1, 1, 1, 1, 1)),
}


def _variant(towers: str, paper: str, url: str, figures: tuple[float, float, float], *limits: Limit) -> ModelSpec:
    parameters, macs, top1 = figures
    return ModelSpec(
        input_size=224,
        paper=paper,
        url=url,
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"towers": towers},
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        smallest=63,
        limits=limits,
    )


VARIANTS = {
    "alexnet": _variant(
        "two",
        "ImageNet Classification with Deep Convolutional Neural Networks (Krizhevsky et al., 2012)",
        "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
        (60_965_224, 724e6, 59.3),
        Limit(
            "edgetpu",
            ("block*_conv", "block*_act"),
            "its grouped convolutions (blocks 1, 3, 4) become CONV_2D version 6, which the Edge TPU compiler "
            "does not support; alexnet_one_tower has no grouped convolutions",
        ),
    ),
    "alexnet_one_tower": _variant(
        "one",
        "One weird trick for parallelizing convolutional neural networks (Krizhevsky, 2014)",
        "https://arxiv.org/abs/1404.5997",
        (61_100_840, 714e6, 56.522),
    ),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.5,
    towers: str = "two",
) -> Any:
    """Build an AlexNet.

    Args:
        input_shape: (height, width, channels) of the normalized image; at least 63 pixels. The weights of the first
            dense layer depend on it.
        classes: number of logits.
        width: factor on the channels of all layers, which become multiples of 8.
        dropout: share of features dropped before each dense layer while training.
        towers: "two" (2012) or "one" (2014).
    """
    picture = blocks.picture(input_shape)
    x = blocks.padded(picture, 2, "block0")
    for index, (layer, filters, groups) in enumerate(zip(LAYERS, *TOWERS[towers])):
        block = f"block{index}"
        options = {"kernel": layer.kernel, "stride": layer.stride, "padding": "same" if index else "valid"}
        x = blocks.conv_relu(x, make_divisible(filters * width), block, groups=groups, **options)
        if layer.pooled:
            x = keras.layers.MaxPooling2D(3, 2, name=f"{block}_pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for index in (1, 2):
        x = keras.layers.Dropout(dropout, name=f"hidden{index}_drop")(x) if dropout else x
        x = keras.layers.Dense(make_divisible(HIDDEN * width), name=f"hidden{index}")(x)
        x = blocks.activate(x, "relu", f"hidden{index}_act")
    return blocks.network(picture, x, classes, 0)
