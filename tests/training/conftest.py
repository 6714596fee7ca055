"""Small data sets and models to train on."""

from __future__ import annotations

from pathlib import Path

import pytest
from color_pictures import write_pictures
from small_model import write as write_small_model


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
    """See `small_model.write`."""
    return write_small_model(tmp_path_factory.mktemp("model") / "small.keras")
