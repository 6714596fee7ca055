"""Models that were broken on purpose, each in one way: the doctor must find it, name the remedy and gain by it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from edgecnn import artifact
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import DataError, QuantizationError, UsageError
from edgecnn.data import open_data
from edgecnn.float_model import keras_file
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.verification.doctor import Diagnosis, Finding, diagnose
from edgecnn.verification.doctor.causes import rounding

CLASSES = ("astronaut", "chelsea", "coffee", "rocket")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops of four photographs, a class each."""
    folder = tmp_path_factory.mktemp("pictures")
    for example in open_data("photos").examples:
        name, number = example.name.rsplit("-", 1)
        if name in CLASSES and int(number) < 12:
            (folder / name).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / name / f"{number}.png"), cv2.resize(example.read(), (64, 64)))
    return folder


def quantized(source: Any, path: Path, data: Path, **changes: Any) -> ModelFile:
    """An artifact that was calibrated with another preprocessing than its contract says, as a script by hand would."""
    model, contract = keras_file.load(source) if isinstance(source, Path) else source
    wrong = dataclasses.replace(contract.preprocessing, **changes)
    calibration = Calibration(str(data), 32, improve="none")
    file = quantize((model, contract.replace(preprocessing=wrong)), path, calibration=calibration)
    return artifact.write(path, artifact.graph_bytes(file), file.contract.replace(preprocessing=contract.preprocessing))


def examined(file: ModelFile, source: Any, pictures: Path) -> Diagnosis:
    against = source if isinstance(source, tuple) else Path(source)
    return diagnose(file, against, open_data(str(pictures)))[0]


def found(diagnosis: Diagnosis, cause: str) -> Finding:
    named = {finding.cause: finding for finding in diagnosis.findings}
    assert cause in named, (named, diagnosis.snr_db)
    finding = named[cause]
    assert finding.remedy and finding.evidence
    assert finding.gain_db > 0.5
    return finding


def test_calibrated_on_noise(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    for number in range(16):
        values = np.random.default_rng(number).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        cv2.imwrite(str(noise / f"{number}.png"), values)
    file = quantized(tiny_keras, tmp_path / "m.tflite", noise)
    assert "noise" in found(examined(file, tiny_keras, pictures), "calibration").summary


def test_calibrated_on_one_class(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    file = quantized(tiny_keras, tmp_path / "m.tflite", pictures / "rocket")
    summary = found(examined(file, tiny_keras, pictures), "calibration").summary
    assert "one class" in summary and "rocket" in summary


def test_calibrated_on_exchanged_colors(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    file = quantized(tiny_keras, tmp_path / "m.tflite", pictures, color="bgr")
    named = {finding.cause: finding.summary for finding in examined(file, tiny_keras, pictures).findings}
    assert "red and blue" in named.get("calibration", ""), named


def test_calibrated_on_0_to_1(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    file = quantized(tiny_keras, tmp_path / "m.tflite", pictures, mean=(0.0,), std=(255.0,))
    assert "0..1" in found(examined(file, tiny_keras, pictures), "calibration").summary


def classifier(activation: str, loud: float = 1.0) -> tuple[Any, Contract]:
    """A small network with random weights; one channel of `squeeze` can be made loud without changing the function."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(16, 3, 2, "same", activation=activation, name="stem")(inputs)
    x = keras.layers.DepthwiseConv2D(3, padding="same", activation=activation, name="depthwise")(x)
    x = keras.layers.Conv2D(8, 1, name="squeeze")(x)
    x = keras.layers.Conv2D(24, 1, activation=activation, name="expand")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(5, name="scores")(x))
    kernel, bias = model.get_layer("squeeze").get_weights()
    factors = np.ones(8, np.float32)
    factors[3] = loud
    model.get_layer("squeeze").set_weights([kernel * factors, bias * factors])
    kernel, bias = model.get_layer("expand").get_weights()
    model.get_layer("expand").set_weights([kernel / factors[:, None], bias])
    spread = np.geomspace(1, 100, 16).astype(np.float32)[:, None]
    kernel, bias = model.get_layer("depthwise").get_weights()
    if activation == "swish":
        model.get_layer("depthwise").set_weights([kernel * spread / 10, bias])
    return model, Contract(Preprocessing(32, 32, crop=1.0))


def test_one_channel_a_thousand_times_larger(tmp_path: Path, pictures: Path) -> None:
    source = classifier("relu6", loud=1000.0)
    file = quantized(source, tmp_path / "m.tflite", pictures)
    finding = found(examined(file, source, pictures), "exploding_channel")
    assert finding.layer == "squeeze" and "Channel 3" in finding.summary
    assert finding.gain_db > 10


def test_swish_network_per_tensor(tmp_path: Path, pictures: Path) -> None:
    source = classifier("swish")
    calibration = Calibration(str(pictures), 32, improve="none")
    file = quantize(source, tmp_path / "m.tflite", scheme="int8_per_tensor", calibration=calibration)
    finding = found(examined(file, source, pictures), "weight_scales")
    assert "swish" in finding.evidence and "--scheme int8" in finding.remedy
    assert finding.layer == "depthwise"


def test_contract_with_another_scaling_than_the_float_models(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    model, contract = keras_file.load(tiny_keras)
    wrong = contract.replace(preprocessing=dataclasses.replace(contract.preprocessing, mean=(0.0,), std=(255.0,)))
    file = quantize((model, wrong), tmp_path / "m.tflite", calibration=Calibration(str(pictures), 16))
    assert "mean" in found(examined(file, tiny_keras, pictures), "preprocessing").evidence


def test_sound_model_has_no_fault(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    file = quantize(tiny_keras, tmp_path / "m.tflite", calibration=Calibration(str(pictures), 32))
    diagnosis = examined(file, tiny_keras, pictures)
    faults = {finding.cause for finding in diagnosis.findings} - {"dead_channels"}
    assert faults == set()
    assert diagnosis.simulated_snr_db == pytest.approx(diagnosis.snr_db, abs=3)
    assert sum(layer.share_percent for layer in diagnosis.layers) == pytest.approx(100, abs=0.5)


def test_better_rounding_is_advised_where_it_gains_and_can_be_had() -> None:
    def examine(gain_db: float, **provenance: Any) -> Finding | None:
        simulation = SimpleNamespace(pairs=[SimpleNamespace(scales=np.ones(8))])
        file = SimpleNamespace(contract=SimpleNamespace(provenance=SimpleNamespace(**{"qat": False, **provenance})))
        layers = [SimpleNamespace(layer="stem", operator="CONV_2D", share_percent=60.0)]
        case = SimpleNamespace(level="none", simulation=simulation, file=file, layers=layers, before_snr_db=20.0)
        case.after_snr_db = lambda level, per_channel: 20.0 + gain_db
        return rounding.examine(case)  # type: ignore[arg-type]

    finding = examine(3.0)
    assert finding is not None and finding.layer == "stem" and "--improve fast" in finding.remedy
    assert examine(0.5) is None
    assert examine(3.0, qat=True) is None  # its weights have learned their rounding; another one is refused


def test_wrong_float_model_and_too_few_pictures_are_said(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    file = quantize(tiny_keras, tmp_path / "m.tflite", calibration=Calibration(str(pictures), 8))
    with pytest.raises(QuantizationError, match="was not made from this model"):
        examined(file, classifier("relu6"), pictures)
    few = tmp_path / "few"
    few.mkdir()
    cv2.imwrite(str(few / "a.png"), np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(DataError, match="expected at least 8"):
        examined(model_file.read(tmp_path / "m.tflite"), tiny_keras, few)


def test_what_calculates_in_float_has_nothing_to_diagnose(tiny_keras: Path, tmp_path: Path) -> None:
    quantize(tiny_keras, tmp_path / "f.tflite", scheme="float16")
    with pytest.raises(UsageError, match=r"f.tflite is float16: its activations are float"):
        diagnose(model_file.read(tmp_path / "f.tflite"), str(tiny_keras), open_data("photos:test").sample(12))
