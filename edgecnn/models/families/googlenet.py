"""GoogLeNet (Inception v1): several kernel sizes side by side, 1x1 convolutions before the expensive ones.

Paper: Going Deeper with Convolutions, arXiv:1409.4842, table 1 (layers; 1.5 billion multiply-accumulates), section 5
(auxiliary classifiers). The table's own column of parameters adds up to 6.8 million but has the first convolution with
2.7 thousand, where 7 x 7 x 3 x 64 are 9.4 (and 34 million multiply-accumulates, where they are 118); layer by layer,
biases included, they are 6,998,552, as Caffe's bvlc_googlenet has. The paper prints no top-1; 68.7 % is that of
bvlc_googlenet (https://github.com/BVLC/caffe/tree/master/models/bvlc_googlenet).

`googlenet_bn` is what torchvision ships under the name: batch norms, and 3x3 where the paper has 5x5. Its figures:
torchvision's documentation of its weights (6,624,904 parameters, 1.498 billion multiply-accumulates).

Left out: local response normalization, as in `alexnet.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks
from edgecnn.models.blocks import IMAGENET_MEAN, IMAGENET_STD, Style, make_divisible
from edgecnn.models.spec import ModelSpec

AUXILIARY_WEIGHT = 0.3  # of each auxiliary classifier's loss, section 5
STYLE = Style("relu", momentum=0.9)


class Inception(NamedTuple):
    """One row of table 1: channels of the four branches, with those of the 1x1 before the wide kernels."""

    narrow: int
    reduce_middle: int
    middle: int
    reduce_wide: int
    wide: int
    pooled: int


STAGES = (
    (Inception(64, 96, 128, 16, 32, 32), Inception(128, 128, 192, 32, 96, 64)),  # 28 x 28: 3a, 3b
    (  # 14: 4a to 4e
        Inception(192, 96, 208, 16, 48, 64),
        Inception(160, 112, 224, 24, 64, 64),
        Inception(128, 128, 256, 24, 64, 64),
        Inception(112, 144, 288, 32, 64, 64),
        Inception(256, 160, 320, 32, 128, 128),
    ),
    (Inception(256, 160, 320, 32, 128, 128), Inception(384, 192, 384, 48, 128, 128)),  # 7: 5a, 5b
)
AUXILIARY_AFTER = (2, 5)  # blocks: 4a and 4d


def _variant(parameters: float, macs: float, top1: float, batch_norms: bool) -> ModelSpec:
    return ModelSpec(
        input_size=224,
        paper="Going Deeper with Convolutions (Szegedy et al., 2014)",
        url="https://arxiv.org/abs/1409.4842",
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"batch_norms": batch_norms},
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )


VARIANTS = {
    "googlenet": _variant(6_998_552, 1.5e9, 68.7, False),
    "googlenet_bn": _variant(6_624_904, 1.498e9, 69.778, True),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.4,
    batch_norms: bool = False,
    style: Mapping[str, Any] | None = None,
    last_pool: int = 3,
) -> Any:
    """Build a GoogLeNet without its auxiliary classifiers; `training_model` adds them for training.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: factor on the channels of all layers, which become multiples of 8.
        dropout: share of features dropped before the logits while training.
        batch_norms: batch norms instead of biases, and 3x3 instead of 5x5 kernels.
        style: fields of `Style` in which published weights differ from the reference implementation.
        last_pool: height and width of the maximum before the last stage; torchvision's has 2.
    """
    network = _Network(width, STYLE.changed(style) if batch_norms else None)
    picture = blocks.picture(input_shape)
    x = network.conv(picture, 64, "stem", kernel=7, stride=2)
    x = _pooled(x, "stem")
    x = network.conv(x, 64, "stem_reduce")
    x = _pooled(network.conv(x, 192, "stem_expand", kernel=3), "stem_expand")
    for stage, place, name in blocks.numbered(map(len, STAGES)):
        x = network.inception(x, STAGES[stage][place], name)
        if place == len(STAGES[stage]) - 1 and stage < len(STAGES) - 1:
            x = _pooled(x, name, last_pool if stage == len(STAGES) - 2 else 3)
    return blocks.network(picture, blocks.pool(x), classes, dropout)


class _Network:
    """The convolution of a variant, and what is made of it."""

    def __init__(self, width: float, norms: Style | None) -> None:
        self._width, self._norms = width, norms

    def conv(self, x: Any, filters: int, name: str, *, kernel: int = 1, stride: int = 1) -> Any:
        filters = make_divisible(filters * self._width)
        if self._norms:
            return blocks.conv_bn(x, filters, name, self._norms, kernel=kernel, stride=stride)
        return blocks.conv_relu(x, filters, name, kernel=kernel, stride=stride)

    def inception(self, x: Any, row: Inception, name: str) -> Any:
        middle = self.conv(x, row.reduce_middle, f"{name}_reduce_middle")
        wide = self.conv(x, row.reduce_wide, f"{name}_reduce_wide")
        pooled = keras.layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_branch_pool")(x)
        branches = [
            self.conv(x, row.narrow, f"{name}_narrow"),
            self.conv(middle, row.middle, f"{name}_middle", kernel=3),
            self.conv(wide, row.wide, f"{name}_wide", kernel=3 if self._norms else 5),
            self.conv(pooled, row.pooled, f"{name}_pooled"),
        ]
        return keras.layers.Concatenate(name=f"{name}_concat")(branches)


def _pooled(x: Any, name: str, kernel: int = 3) -> Any:
    return keras.layers.MaxPooling2D(kernel, 2, padding="same", name=f"{name}_pool")(x)


def training_model(model: Any, dropout: float = 0.7) -> tuple[Any, tuple[float, ...]]:
    """A model for training that shares all layers with `model` and has two more classifiers, half-way (section 5).

    What is learned is in `model`, which stays as it is: one output, no auxiliary weights, ready to quantize. The heads
    start with the same weights every time, so that an interrupted training can go on.

    Args:
        model: a GoogLeNet.
        dropout: share of features dropped before the auxiliary logits while training.

    Returns:
        A Keras model, normalized images to [logits, auxiliary logits of 4a, of 4d], and the weights of the losses of
        the auxiliary logits; that of the logits' loss is 1.
    """
    classes = model.output_shape[-1]
    heads = [
        _auxiliary(model.get_layer(f"block{block}_concat").output, classes, dropout, number)
        for number, block in enumerate(AUXILIARY_AFTER, 1)
    ]
    return keras.Model(model.input, [model.output, *heads], name=model.name), (AUXILIARY_WEIGHT,) * len(heads)


def _auxiliary(x: Any, classes: int, dropout: float, number: int) -> Any:
    name, start = f"auxiliary{number}", keras.initializers.GlorotUniform
    kernel = min(5, *x.shape[1:3])
    x = keras.layers.AveragePooling2D(kernel, 3, name=f"{name}_pool")(x)
    x = blocks.conv_relu(x, 128, name, kernel_initializer=start(3 * number))
    x = keras.layers.Flatten(name=f"{name}_flatten")(x)
    x = keras.layers.Dense(1024, kernel_initializer=start(3 * number + 1), name=f"{name}_hidden")(x)
    x = keras.layers.Dropout(dropout, name=f"{name}_drop")(blocks.activate(x, "relu", f"{name}_hidden_act"))
    return keras.layers.Dense(classes, kernel_initializer=start(3 * number + 2), name=f"{name}_logits")(x)
