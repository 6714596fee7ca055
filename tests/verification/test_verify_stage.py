"""Verification of real and of deliberately wrong artifacts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_graphs import Graph

from edgecnn import artifact
from edgecnn.core.errors import BoundNotMetError, DataError, ModelFileError, UsageError
from edgecnn.data import open_data
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.engine import Engine
from edgecnn.verification import check_bounds, verify


def test_float_artifact_agrees_entirely(tiny_keras: Path, tmp_path: Path, picture_folder: Path) -> None:
    quantize(tiny_keras, tmp_path / "m.tflite", scheme="float32")
    found = verify(tmp_path / "m.tflite", tiny_keras, str(picture_folder))
    assert found.agreement.percent == 100 and found.flipped == ()
    assert found.drop is not None and found.drop.percent == 0
    assert found.snr_db > 80
    assert found.pictures == 8 and len(found.answers) == 8


def test_pictures_to_look_at_are_of_all_classes(tiny_keras: Path, tiny_int8: Path, tmp_path: Path) -> None:
    for label in ("0", "1", "2", "3"):
        (tmp_path / label).mkdir()
        for number in range(20):
            picture = np.full((32, 32, 3), 10 * number, np.uint8)
            cv2.imwrite(str(tmp_path / label / f"{number}.png"), picture)
    found = verify(tiny_int8, tiny_keras, str(tmp_path))
    assert len(found.answers) == 12 and {answer.name[0] for answer in found.answers} == {"0", "1", "2", "3"}


def test_what_was_calibrated_on_is_noticed(tiny_keras: Path, tmp_path: Path, picture_folder: Path) -> None:
    quantize(tiny_keras, tmp_path / "m.tflite", calibration=Calibration(str(picture_folder), 5))
    assert verify(tmp_path / "m.tflite", tiny_keras, str(picture_folder)).calibrated_on == 5
    assert verify(tmp_path / "m.tflite", tiny_keras, open_data("photos").sample(6)).calibrated_on == 0


def test_accuracy_counts_what_the_labels_say(tiny_keras: Path, tiny_int8: Path, picture_folder: Path) -> None:
    found = verify(tiny_int8, tiny_keras, str(picture_folder))
    right = sum(answer.artifact.label == answer.name.split("/")[0] for answer in found.answers)
    assert (found.metrics["top1"].artifact.count, found.metrics["top1"].artifact.total) == (right, 8)
    assert found.metrics["top5"].artifact.percent == 100  # five classes
    agreeing = sum(answer.float.index == answer.artifact.index for answer in found.answers)
    assert found.agreement.count == agreeing == 8 - len(found.flipped)


def test_unlabeled_data_gives_agreement_only(tiny_keras: Path, tiny_int8: Path) -> None:
    found = verify(tiny_int8, tiny_keras, open_data("photos").sample(10))
    assert not found.metrics and found.drop is None
    check_bounds(found, None, 0.0)
    with pytest.raises(BoundNotMetError, match="needs labels"):
        check_bounds(found, 1.0, None)


def test_wrong_weights_are_noticed(tiny_keras: Path, tiny_int8: Path, tmp_path: Path) -> None:
    """The contract of one model on the graph of another: golden vectors and agreement must both show it."""
    from edgecnn.builder import build_model
    from edgecnn.float_model import keras_file

    other, contract = build_model("mobilenet_v1", input_size=32, width=0.25, classes=5, seed=9)
    keras_file.save(other, contract, tmp_path / "other.keras")
    wrong = quantize(tmp_path / "other.keras", tmp_path / "other.tflite", calibration=Calibration("photos", 8))
    file = model_file.read(tiny_int8)
    artifact.write(tmp_path / "mixed.tflite", artifact.graph_bytes(wrong), file.contract)
    found = verify(tmp_path / "mixed.tflite", tiny_keras, open_data("photos").sample(30))
    assert found.golden.identical == 0
    assert found.snr_db < 5


def test_reference_with_other_preprocessing_is_refused(tiny_keras: Path, tiny_int8: Path, tmp_path: Path) -> None:
    file = model_file.read(tiny_int8)
    other = dataclasses.replace(file.contract.preprocessing, color="bgr")
    artifact.rewrite(tmp_path / "bgr.tflite", file, file.contract.replace(preprocessing=other))
    with pytest.raises(UsageError, match="color is rgb instead of bgr"):
        verify(tmp_path / "bgr.tflite", tiny_keras, "photos")


@pytest.mark.parametrize("classes", [1, 3])
def test_reference_with_other_classes_is_refused(tiny_int8: Path, picture_folder: Path, classes: int) -> None:
    from edgecnn.core.compat.tensorflow import keras

    layers = [keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes)]
    keras.Sequential(layers).save(picture_folder.parent / "other.keras")
    with pytest.raises(UsageError, match=f"has {classes} output classes, but the artifact has 5"):
        verify(tiny_int8, picture_folder.parent / "other.keras", str(picture_folder))


def test_classes_that_match_no_label_are_named(tiny_keras: Path, tiny_int8: Path, picture_folder: Path) -> None:
    (picture_folder / "ant").rename(picture_folder / "aardvark")
    with pytest.raises(DataError, match="aardvark"):
        verify(tiny_int8, tiny_keras, str(picture_folder))


def test_another_tflite_can_be_the_reference(tiny_keras: Path, tiny_int8: Path, tmp_path: Path) -> None:
    quantize(tiny_keras, tmp_path / "float.tflite", scheme="float32")
    data = open_data("photos").sample(12)
    by_keras, by_tflite = verify(tiny_int8, tiny_keras, data), verify(tiny_int8, tmp_path / "float.tflite", data)
    assert by_keras.agreement == by_tflite.agreement
    assert by_keras.snr_db == pytest.approx(by_tflite.snr_db, abs=0.05)


def test_a_runner_elsewhere_gives_the_outputs(tiny_keras: Path, tiny_int8: Path) -> None:
    found = verify(
        tiny_int8, tiny_keras, open_data("photos").sample(5), device="nowhere",
        runner=lambda tensors: (np.full(5, 3, np.uint8) for _ in tensors),
    )  # fmt: skip
    assert found.device == "nowhere"
    assert {answer.artifact.index for answer in found.answers} == {0}


def test_lite0_int8_holds_its_bar(lite0_keras: Path, lite0_int8: Path) -> None:
    found = verify(lite0_int8, lite0_keras, "photos:test")
    assert found.agreement.percent >= 95
    assert found.golden.passed
    names = {answer.name: answer.artifact.label for answer in found.answers}
    assert "cat" in names["chelsea-00"].lower() or "mau" in names["chelsea-00"].lower()


def test_lite0_int8_on_imagenet(lite0_keras: Path, lite0_int8: Path, shared: Path) -> None:
    found = verify(lite0_int8, lite0_keras, str(shared / "imagenet-sample"))
    assert found.pictures == 500 and found.calibrated_on == 0
    assert found.metrics["top1"].float_model.percent > 88
    check_bounds(found, max_drop=0.6, min_agreement=98.0)


def test_a_file_that_only_an_edge_tpu_can_run(tiny_keras: Path, tiny_int8: Path, picture_folder: Path) -> None:
    """The runner is a double of an Edge TPU: it computes what the file was compiled from."""
    original = model_file.read(tiny_int8)
    engine = Engine(original)
    graph = Graph()
    ends = [
        graph.tensor(name, end.shape, end.dtype.str[1:], (end.scale,), zero_point=end.zero_point)
        for name, end in (("picture", engine.input), ("scores", engine.output))
    ]
    graph.operator("CUSTOM", ends[:1], ends[1:])
    graph.model.operatorCodes[0].customCode = "edgetpu-custom-op"
    compiled = model_file.from_bytes(
        artifact.seal(graph.build(ends[:1], ends[1:]), original.contract), "m_edgetpu.tflite"
    )
    with pytest.raises(ModelFileError, match="compiled for a Coral Edge TPU"):
        verify(compiled, tiny_keras, str(picture_folder))
    found = verify(compiled, tiny_keras, str(picture_folder), device="double of an Edge TPU", runner=engine.run)
    here = verify(original, tiny_keras, str(picture_folder))
    assert found.answers == here.answers and found.golden == here.golden and found.golden.identical == 4
