"""Weights from files that were saved before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.core.errors import EdgecnnError, ModelFileError, WeightsError
from edgecnn.float_model import keras_file

SMALL = {"name": "mobilenet_v1", "width": 0.25, "input_size": 32}


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights-only.h5"])
def test_saved_weights_come_back(tmp_path: Path, suffix: str) -> None:
    model, contract = build_model(**SMALL, classes=5, seed=1)
    path = tmp_path / f"m{suffix}"
    if suffix == ".keras":
        keras_file.save(model, contract, path)
    elif suffix == ".h5":
        model.save(path)
    else:
        model.save_weights(path)
    again, contract = build_model(**SMALL, classes=5, seed=2, weights=str(path))
    for one, other in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert contract.model.weights == "file" and contract.provenance.weights.file == path.name


def test_another_class_count_changes_only_the_head(tmp_path: Path) -> None:
    model, contract = build_model(**SMALL, classes=5, seed=1)
    keras_file.save(model, contract, tmp_path / "m.keras")
    again, _ = build_model(**SMALL, classes=9, weights=str(tmp_path / "m.keras"))
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    assert again.output_shape == (None, 9)


def test_class_count_and_names_are_the_files_unless_asked_otherwise(tmp_path: Path) -> None:
    model, contract = build_model(**SMALL, classes=3, seed=1)
    keras_file.save(model, contract.replace(labels=("ant", "bee", "wasp")), tmp_path / "m.keras")
    again, contract = build_model(**SMALL, weights=str(tmp_path / "m.keras"))
    assert again.output_shape == (None, 3) and contract.labels == ("ant", "bee", "wasp")
    _, contract = build_model(**SMALL, classes=4, weights=str(tmp_path / "m.keras"))
    assert contract.labels == ()


def test_the_same_class_count_keeps_the_head(tmp_path: Path) -> None:
    model, contract = build_model(**SMALL, classes=5, seed=1)
    keras_file.save(model, contract, tmp_path / "m.keras")
    again, _ = build_model(**SMALL, classes=5, seed=2, weights=str(tmp_path / "m.keras"))
    np.testing.assert_array_equal(again.layers[-1].get_weights()[0], model.layers[-1].get_weights()[0])


def test_other_architectures_are_refused(tmp_path: Path) -> None:
    model, contract = build_model(**{**SMALL, "width": 0.5}, classes=5)
    keras_file.save(model, contract, tmp_path / "m.keras")
    with pytest.raises(WeightsError, match="the layer stem_conv has shapes"):
        build_model(**SMALL, classes=5, weights=str(tmp_path / "m.keras"))
    with pytest.raises(
        WeightsError, match=r"no weights for the layer block0_project_conv|the layer stem_conv has shapes"
    ):
        build_model("mobilenet_v2", width=0.5, input_size=32, classes=5, weights=str(tmp_path / "m.keras"))


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("absent.keras", None, WeightsError, "no weights file"),
        ("m.npz", b"x", WeightsError, r"ends with \.keras or \.h5"),
        ("m.pth", b"x", WeightsError, "not a valid PyTorch checkpoint in the legacy format"),
        ("m.h5", b"not HDF5", WeightsError, r"not a valid Keras 2 \.h5 file"),
        ("m.keras", b"not a zip", ModelFileError, r"not a valid \.keras file"),
    ],
)
def test_bad_files_are_clear_errors(
    tmp_path: Path, name: str, content: bytes | None, kind: type[EdgecnnError], message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(kind, match=message):
        build_model(**SMALL, weights=str(tmp_path / name))
