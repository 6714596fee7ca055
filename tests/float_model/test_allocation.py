"""Numbers in a configuration that ask for more memory than a machine has are refused before it is allocated."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import ModelFileError
from edgecnn.float_model import loading


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sound.keras and sound.h5."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((16, 16, 3), name="image"),
            layers.Conv2D(4, 3, name="conv"),
            layers.ZeroPadding2D(1, name="pad"),
            layers.UpSampling2D(2, name="up"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, name="dense"),
        ]
    )
    folder = tmp_path_factory.mktemp("sound")
    model.save(folder / "sound.keras")
    model.save(folder / "sound.h5")
    return folder


def _change(value: Any, layer: str, changes: dict[str, Any]) -> None:
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(entry, dict) and entry.get("name") == layer:
            entry.update(changes)
        _change(entry, layer, changes)


def _write(sound: Path, path: Path, layer: str, changes: dict[str, Any]) -> None:
    shutil.copy(sound / f"sound{path.suffix}", path)
    if path.suffix == ".h5":
        with h5py.File(path, "a") as file:
            config = json.loads(file.attrs["model_config"])
            _change(config, layer, changes)
            file.attrs["model_config"] = json.dumps(config)
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    _change(config, layer, changes)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "config.json": json.dumps(config).encode()}.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("layer", "changes", "words"),
    [
        ("dense", {"units": 10**9}, "layer 'dense' has 4,000,000,000 weights, but the file holds only 137"),
        ("dense", {"units": 10**30}, "but the file holds only 137"),
        ("conv", {"filters": 10**8}, "layer 'conv' has 2,700,000,000 weights"),
        ("image", {"batch_input_shape": [None, 10**6, 10**6, 3]}, "expected at most 1,073,741,824 values"),
        ("pad", {"padding": [[10**7, 10**7], [10**7, 10**7]]}, "expected at most 1,073,741,824 values"),
        ("up", {"size": [10**6, 10**6]}, "expected at most 1,073,741,824 values"),
    ],
)
def test_refused(sound: Path, tmp_path: Path, suffix: str, layer: str, changes: dict[str, Any], words: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    _write(sound, path, layer, changes)
    with pytest.raises(ModelFileError, match=words):
        loading.load(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_sound_models_load(sound: Path, suffix: str) -> None:
    assert loading.load(sound / f"sound{suffix}").keras_model.count_params() == 137
