"""Small data sets and models to train on."""

from __future__ import annotations

from pathlib import Path

import pytest
from color_pictures import write_pictures


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Decoded images and features go to a folder of the test process."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("EDGECNN_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 images to train or validate with, 15 to test."""
    root = tmp_path_factory.mktemp("pictures")
    write_pictures(root / "train", 24)
    write_pictures(root / "test", 5, seed=1)
    return root


@pytest.fixture(scope="session")
def small_keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three inverted residual blocks with stochastic depth: all that a large model has, and quick to trace."""
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
    path = tmp_path_factory.mktemp("model") / "small.keras"
    keras_file.save(model, Contract(Preprocessing(32, 32), model=ModelDescription("small")), path)
    return path
