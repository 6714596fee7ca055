"""A small Keras model with all that a large one has, and quick to trace."""

from __future__ import annotations

from pathlib import Path


def write(path: Path) -> Path:
    """Three inverted residual blocks with stochastic depth, 32 x 32 pixels, 3 classes, random weights."""
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.float_model import keras_file
    from edgecnn.models import blocks
    from edgecnn.models.blocks import Residual, Style
    from edgecnn.runtime.model.contract import Contract, Preprocessing
    from edgecnn.runtime.model.records import ModelDescription

    keras.utils.set_random_seed(0)
    style = Style("relu6", momentum=0.9)
    picture = blocks.picture((32, 32, 3))
    x = blocks.conv_bn(picture, 8, "stem", style, kernel=3, stride=2)
    for number, stride in enumerate((2, 1, 1)):
        x = blocks.inverted_residual(x, Residual(8, 16, stride=stride, drop=0.1), f"block{number}", style)
    x = blocks.conv_bn(x, 16, "top", style)
    model = keras.Model(picture, blocks.classifier(blocks.pool(x), 3, 0.2), name="small")
    keras_file.save(model, Contract(Preprocessing(32, 32), model=ModelDescription("small")), path)
    return path
