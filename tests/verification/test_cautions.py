"""Accuracy on training images, and number folders in Keras's order: said, with the right numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import run_cli

from edgecnn.core.errors import DataError
from edgecnn.core.hints import Hints
from edgecnn.data import open_data
from edgecnn.data.seen import Seen
from edgecnn.float_model import keras_file
from edgecnn.ladder.evaluation import held_out
from edgecnn.ladder.request import Request
from edgecnn.ladder.settings import Bounds
from edgecnn.quantization import Calibration, quantize
from edgecnn.tasks.folder_order import folder_order_doubts
from edgecnn.verification import verify


def trained_on(tiny_keras: Path, folder: Path, path: Path, images: int) -> Path:
    """The model with a contract that says it was trained on the first images of a folder."""
    model, contract = keras_file.load(tiny_keras)
    assert contract is not None
    digests = open_data(str(folder)).digests()[:images]
    said = dataclasses.replace(contract.provenance, trained_on=Seen().with_images(digests).record())
    keras_file.save(model, contract.replace(provenance=said), path)
    return path


def test_training_images_are_counted_and_said(
    tiny_keras: Path, tmp_path: Path, picture_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = trained_on(tiny_keras, picture_folder, tmp_path / "m.keras", 5)
    file = quantize(model, tmp_path / "m.tflite", calibration=Calibration("photos", 8))
    found = verify(file, model, str(picture_folder))
    assert found.trained_on == 5
    assert found.notes == (
        "The model was trained on 5 of these 8 images, so its accuracy is optimistic. Verify on other images.",
    )
    assert type(found).from_dict(found.to_dict()) == found
    assert verify(file, model, open_data("photos").sample(6)).notes == ()
    done = run_cli("verify", tmp_path / "m.tflite", "--against", model, "--data", picture_folder)
    assert "Note: The model was trained on 5 of these 8 images" in done.stderr


def test_training_images_are_not_judged_by(tiny_keras: Path, tmp_path: Path, picture_folder: Path) -> None:
    def fresh(images: int) -> int:
        model = trained_on(tiny_keras, picture_folder, tmp_path / f"{images}.keras", images)
        request = Request(model, Bounds(max_drop=1.0), Calibration("photos", 8), None, Hints(), False, lambda *_: None)
        return len(held_out(str(picture_folder), request)[0])

    assert fresh(5) == 3
    with pytest.raises(DataError, match=r"All 8 .* were used for training"):
        fresh(8)


def test_keras_order_is_named_where_it_fits_better() -> None:
    names = [str(number) for number in range(12)]
    order = sorted(names)  # as Keras numbers its outputs: 0, 1, 10, 11, 2, ...
    random = np.random.default_rng(0)
    truth = random.integers(0, 12, 200)
    scores = np.zeros((200, 12))
    scores[np.arange(200), [order.index(str(number)) for number in truth]] = 1
    classes = {name: int(name) for name in names}
    [note] = folder_order_doubts(classes, truth.tolist(), scores)
    right = 100 * np.mean([order.index(str(number)) == number for number in truth])
    assert "0, 1, 10, 11, 2, ..." in note and f"100.0 % of the images instead of {right:.1f} %" in note
    scores = np.eye(12)[truth]
    assert folder_order_doubts(classes, truth.tolist(), scores) == ()
    assert folder_order_doubts({"0": 0, "1": 1}, [0, 1], np.eye(2)) == ()


def test_number_folders_beyond_the_outputs_end_verify(tiny_keras: Path, tmp_path: Path) -> None:
    model, contract = keras_file.load(tiny_keras)
    assert contract is not None
    keras_file.save(model, contract.replace(labels=()), tmp_path / "m.keras")
    quantize(tmp_path / "m.keras", tmp_path / "m.tflite", calibration=Calibration("photos", 8))
    for number in range(1, 6):
        (tmp_path / "data" / str(number)).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / str(number) / "a.png"), np.full((32, 32, 3), 40 * number, np.uint8))
    with pytest.raises(DataError, match="class 5, but the model's 5 outputs are numbered 0 to 4"):
        verify(tmp_path / "m.tflite", tmp_path / "m.keras", str(tmp_path / "data"))
