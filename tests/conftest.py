"""What many tests share: the folder of real data, small models, and EfficientNet-Lite0 as float model and artifact."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from requirements import SHARED, WITHOUT_SHARED

# A shell that starts the tests in the background lets them ignore Ctrl-C, and their children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
_OF_PYTEST = "PYTEST_CURRENT_TEST"


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder for temporary files of our own: the machine's lock for measuring lies there, and others may hold it.

    Its name is short because ssh's control sockets lie there too.
    """
    folder = str(tmp_path_factory.mktemp("t"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(autouse=True)
def environment(temporary_files: None) -> Iterator[None]:
    """No test leaves variables changed: a long TMPDIR once kept Chromium from starting in other tests."""
    before = dict(os.environ)
    yield
    changed = {name for name, value in before.items() if name != _OF_PYTEST and os.environ.get(name) != value}
    for name in changed:
        os.environ[name] = before[name]
    assert not changed, f"the test changed {', '.join(sorted(changed))}; use monkeypatch.setenv"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data that EDGECNN_SHARED names."""
    if not SHARED.is_dir():
        pytest.skip(WITHOUT_SHARED)
    return SHARED


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is made once per test process."""
    return tmp_path_factory.mktemp("workshop")


def settle_batch_norms(model: Any) -> None:
    """Give random weights the batch statistics of some noise, so that activations neither vanish nor explode."""
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    model(np.random.default_rng(0).normal(size=(16, *model.input_shape[1:])).astype(np.float32), training=True)
    for layer, momentum in zip(norms, momenta):
        layer.momentum = momentum


@pytest.fixture(scope="session")
def tiny_keras(workshop: Path) -> Path:
    """MobileNet V1 at a quarter of the width, 32 pixels, 5 classes, random weights: quick to convert."""
    from edgecnn.builder import build_model
    from edgecnn.float_model import keras_file

    model, contract = build_model("mobilenet_v1", input_size=32, width=0.25, classes=5)
    settle_batch_norms(model)
    path = workshop / "tiny.keras"
    keras_file.save(model, contract.replace(labels=("ant", "bee", "cat", "dog", "eel")), path)
    return path


@pytest.fixture(scope="session")
def tiny_detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small detector, see `tiny_detectors.make`."""
    import tiny_detectors

    root = tmp_path_factory.mktemp("detector")
    tiny_detectors.make(root)
    return root


@pytest.fixture(scope="session")
def tiny_int8(workshop: Path, tiny_keras: Path) -> Path:
    """The same as an int8 artifact."""
    from edgecnn.quantization import Calibration, quantize

    path = workshop / "tiny.tflite"
    quantize(tiny_keras, path, calibration=Calibration("photos", 8))
    return path


@pytest.fixture(scope="session")
def lite0_keras(workshop: Path) -> Path:
    """EfficientNet-Lite0 with ImageNet weights."""
    from edgecnn.builder import build_model
    from edgecnn.float_model import keras_file

    path = workshop / "lite0.keras"
    keras_file.save(*build_model("efficientnet_lite0", weights="imagenet"), path)
    return path


@pytest.fixture(scope="session")
def lite0_int8(workshop: Path, lite0_keras: Path) -> Path:
    """The same as an int8 artifact, calibrated on the sample photographs."""
    from edgecnn.quantization import quantize

    path = workshop / "lite0.tflite"
    quantize(lite0_keras, path)
    return path


@pytest.fixture()
def picture_folder(tmp_path: Path) -> Path:
    """Two classes, four images each, of smooth random color."""
    import cv2

    random = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(4):
            coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            picture = cv2.resize(coarse, (80, 60), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(tmp_path / "pictures" / name / f"{number}.png"), picture)
    return tmp_path / "pictures"
