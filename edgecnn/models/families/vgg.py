"""VGG-16 and VGG-19: nothing but 3x3 convolutions, five times pooled.

Paper: Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv:1409.1556, table 1 (configurations D
and E), table 3 (trained at 256 to 512 pixels, tested at 384: 25.6 % and 25.5 % top-1 error). Parameters and
multiply-accumulates (15.47 and 19.632 billion) in full digits: torchvision's documentation of its weights.

Weights of tf_keras.applications' VGG16 and VGG19: they want the mean color subtracted, nothing divided, and blue first;
the first kernel is turned around when they are loaded, so that the image stays red first.
"""

from __future__ import annotations

from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks
from edgecnn.models.blocks import make_divisible
from edgecnn.models.spec import ModelSpec

FILTERS = (64, 128, 256, 512, 512)  # 224 x 224, 112, 56, 28, 14
HIDDEN = 4096


def _variant(parameters: float, macs: float, top1: float, *repeats: int) -> ModelSpec:
    return ModelSpec(
        input_size=224,
        paper="Very Deep Convolutional Networks for Large-Scale Image Recognition (Simonyan et al., 2014)",
        url="https://arxiv.org/abs/1409.1556",
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"repeats": repeats},
        mean=(123.68, 116.779, 103.939),
        std=(1.0,),
        license="CC-BY-4.0",
        weights=("keras_applications",),
    )


VARIANTS = {
    "vgg16": _variant(138_357_544, 15.47e9, 74.4, 2, 2, 3, 3, 3),
    "vgg19": _variant(143_667_240, 19.632e9, 74.5, 2, 2, 4, 4, 4),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.5,
    repeats: tuple[int, ...] = (2, 2, 3, 3, 3),
) -> Any:
    """Build a VGG.

    Args:
        input_shape: (height, width, channels) of the normalized image. The weights of the first dense layer depend
            on it.
        classes: number of logits.
        width: factor on the channels of all layers, which become multiples of 8.
        dropout: share of features dropped before each of the last two dense layers while training.
        repeats: convolutions per stage.
    """
    picture = x = blocks.picture(input_shape)
    for stage, (filters, count) in enumerate(zip(FILTERS, repeats)):
        for index in range(count):
            x = blocks.conv_relu(x, make_divisible(filters * width), f"block{stage}_{index}", kernel=3)
        x = keras.layers.MaxPooling2D(2, 2, name=f"block{stage}_pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for index in (1, 2):
        x = keras.layers.Dense(make_divisible(HIDDEN * width), name=f"hidden{index}")(x)
        x = blocks.activate(x, "relu", f"hidden{index}_act")
        x = keras.layers.Dropout(dropout, name=f"hidden{index}_drop")(x) if dropout else x
    return blocks.network(picture, x, classes, 0)
