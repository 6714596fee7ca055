"""Labels tell that the contract's preprocessing is wrong where agreement can't: hand-made classifiers of colors."""

from __future__ import annotations

from pathlib import Path

import cv2
import keras as keras3
import numpy as np
import pytest

from edgecnn.core.hints import Hints
from edgecnn.data import open_data
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.run.preprocess import input_table
from edgecnn.runtime.tasks import Outputs
from edgecnn.tasks import task_of
from edgecnn.verification import verify
from edgecnn.verification.doctor import diagnose
from edgecnn.verification.input_check import BetterInput, better_input

COLORS = {"apple": (220, 60, 60), "leaf": (60, 220, 60), "sky": (60, 60, 220)}
SIZE = 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Plain noisy images of three colors, twelve each."""
    rng = np.random.default_rng(0)
    for name, color in COLORS.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            noisy = np.array(color) + rng.normal(0, 15, (24, 24, 3))
            path = tmp_path / "data" / name / f"{number}.png"
            cv2.imwrite(str(path), np.clip(noisy, 0, 255).astype(np.uint8)[:, :, ::-1])
    (tmp_path / "labels.txt").write_text("\n".join(COLORS))
    return tmp_path


def right_by(wanted: Preprocessing, fitted: np.ndarray, given: Preprocessing) -> list[Outputs]:
    """A model that knows the largest of its three inputs if they have the range that it wants, and else says 0."""
    table = input_table(given, np.dtype(np.float32), 0, 0)
    low, high = (input_table(wanted, np.dtype(np.float32), 0, 0)[row].mean() for row in (0, 255))
    outputs: list[Outputs] = []
    for image in fitted:
        inputs = table[image, np.arange(3)].mean(axis=(0, 1))
        in_range = low <= inputs.min() < inputs.max() <= high and np.ptp(inputs) > 0.4 * (high - low)
        best = inputs.argmax() if wanted.color == "rgb" else 2 - inputs.argmax()
        outputs.append([np.eye(3, dtype=np.float32)[best if in_range else 0]])
    return outputs


def checked(folder: Path, wanted: Preprocessing, given: Preprocessing) -> BetterInput | None:
    contract, data = Contract(given, labels=tuple(COLORS)), open_data(str(folder / "data"))
    truth_of = task_of(contract).truth_of(data, contract)
    return better_input(lambda fitted, by: right_by(wanted, fitted, by), contract, data, truth_of)


SIGNED = Preprocessing(SIZE, SIZE)
PIXELS = Preprocessing(SIZE, SIZE, mean=(0.0,), std=(1.0,))
UNIT = Preprocessing(SIZE, SIZE, mean=(0.0,), std=(255.0,))
BLUE_FIRST = Preprocessing(SIZE, SIZE, color="bgr", mean=(0.0,), std=(1.0,))


@pytest.mark.parametrize(
    ("wanted", "given", "options"),
    [
        (PIXELS, SIGNED, "--mean 0 --std 1"),
        (UNIT, PIXELS, "--mean 0 --std 255"),
        (BLUE_FIRST, PIXELS, "--color bgr"),
    ],
)
def test_a_better_preprocessing_is_named(
    folder: Path, wanted: Preprocessing, given: Preprocessing, options: str
) -> None:
    found = checked(folder, wanted, given)
    assert found is not None and found.options == options
    assert found.better.percent == 100 and found.contract.percent < 40 and found.p_value < 0.001


@pytest.mark.parametrize("wanted", [PIXELS, SIGNED, BLUE_FIRST])
def test_the_right_one_is_left_alone(folder: Path, wanted: Preprocessing) -> None:
    assert checked(folder, wanted, wanted) is None


def test_too_few_images_prove_nothing(folder: Path) -> None:
    for path in (folder / "data").glob("*/*.png"):
        if int(path.stem) > 3:
            path.unlink()
    assert checked(folder, PIXELS, SIGNED) is None


def model(path: Path) -> Path:
    """Reads red, green and blue at the image's left edge, as 0..1; a wrong range is class 0."""
    picture = keras3.Input((SIZE, SIZE, 3))
    x = keras3.layers.Conv2D(3, 1, use_bias=False, name="eye")(picture)
    x = keras3.layers.GlobalAveragePooling2D()(x)
    built = keras3.Model(picture, keras3.layers.Dense(3, activation="softmax", name="head")(x))
    built.get_layer("eye").set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3)])
    built.get_layer("head").set_weights([np.eye(3, dtype=np.float32)[::-1] * 20, np.array([6, 0, 0], np.float32)])
    built.save(path)
    return path


def test_verify_and_doctor_say_what_agreement_hides(folder: Path) -> None:
    """The model reads blue first, the contract says red first: both models are wrong alike, in full agreement."""
    float_model, data = model(folder / "m.keras"), str(folder / "data")
    hints = Hints(mean=(0.0,), std=(255.0,), labels=folder / "labels.txt")
    file = quantize(float_model, folder / "m.tflite", calibration=Calibration(data), hints=hints)
    found = verify(folder / "m.tflite", float_model, data)
    assert found.agreement.percent > 90
    assert found.better_input is not None and found.better_input.options == "--color bgr"
    assert found.better_input.sentence() in found.notes
    diagnosis, _ = diagnose(file, float_model, open_data(data))
    assert any(finding.cause == "preprocessing" and "--color bgr" in finding.remedy for finding in diagnosis.findings)
    said = Hints(mean=(0.0,), std=(255.0,), color="bgr", labels=folder / "labels.txt")
    quantize(float_model, folder / "m.tflite", calibration=Calibration(data), hints=said)
    found = verify(folder / "m.tflite", float_model, data)
    assert found.better_input is None and found.metrics["top1"].float_model.percent == 100
