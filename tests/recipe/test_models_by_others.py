"""A recipe whose [model] is a file by others that only `quantize` takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.recipe.run import run
from edgecnn.runtime.model import model_file

RECIPE = """
[model]
file = "theirs.tflite"
[quantize]
samples = 8
mean = 0
std = 1
[verify]
data = "photos:test"
samples = 8
"""


def test_a_float_tflite_file_is_quantized_and_compared_with_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)])
    model.layers[-1].set_weights([np.eye(3, dtype=np.float32), np.zeros(3, np.float32)])
    Path("theirs.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    Path("small.toml").write_text(RECIPE)
    found = run("small.toml", folder="out")
    assert found.ran == ("quantize", "verify", "report")
    assert found.verification is not None and found.verification.against == "theirs.tflite"
    contract = model_file.read(found.artifact).contract
    assert contract.provenance.scheme == "int8" and contract.preprocessing.std == (1.0,)
    assert run("small.toml", folder="out").ran == ()
