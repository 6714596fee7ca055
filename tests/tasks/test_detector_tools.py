"""What looks into detectors and changes them: doctor, mixed precision, visualize, report, prune, QAT, a teacher."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_detectors

import edgecnn
from edgecnn import reporting
from edgecnn.compression import Tuning, compress
from edgecnn.core.errors import BoundNotMetError, UsageError
from edgecnn.data import open_data
from edgecnn.estimation import estimate, text
from edgecnn.estimation.settings import EstimateSettings
from edgecnn.float_model import keras_file
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.box_decoding import as_outputs
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.run.boxes import detect_files
from edgecnn.tasks import load
from edgecnn.tasks.raw_boxes import check_teacher
from edgecnn.verification import check_bounds, verify
from edgecnn.verification.doctor import Case
from edgecnn.visualization import page
from edgecnn.visualization.draw import draw
from edgecnn.visualization.settings import Request
from edgecnn.visualization.subject import KerasSubject, open_subject
from edgecnn.visualization.surest_box import surest_box

LEVELS = 6


@pytest.fixture(scope="module")
def more_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("more")
    for number in range(8):
        cv2.imwrite(str(folder / f"{number}.png"), tiny_detectors.noise(np.random.default_rng(number)))
    yield folder


def test_the_doctor_measures_noise_where_objects_are(tiny_detector: Path, more_images: Path) -> None:
    """The simulation of the raw outputs is near the artifact's, and a convolution alone makes less noise than all."""
    file = model_file.read(tiny_detector / "d.tflite")
    case = Case.open(file, str(tiny_detector / "d.keras"), open_data(str(more_images)))
    assert case.file.contract.output == "boxes_and_scores" and len(case.file.model.graph.outputs) == 2
    simulation = case.simulation
    simulated_db = simulation.snr_db(simulation.output(simulation.noisy))
    assert abs(case.before_snr_db - simulated_db) < 1 and 1 < case.before_snr_db < 60
    names = [operator.name for operator in simulation.network.graph.operators]
    assert simulation.snr_db(simulation.alone(names.index("CONV_2D"))) > simulated_db
    boxes, scores = case.expected
    moved = boxes + 10 * (scores.max(axis=2, keepdims=True) < 1e-9)  # where nothing is
    assert np.allclose(case.measured([boxes, scores], case.expected), case.measured([moved, scores], case.expected))


def test_mixed_precision_keeps_the_operator_behind_it(tiny_detector: Path, tmp_path: Path) -> None:
    calibration = Calibration(str(tiny_detector / "images" / "boxes.csv"), 6, improve="none")
    mixed = quantize(tiny_detector / "d.keras", tmp_path / "m.tflite", scheme="int8_mixed", calibration=calibration)
    assert mixed.contract.output == "boxes" and mixed.contract.provenance.extra["float_layers"]


@pytest.mark.parametrize("name", ["d.keras", "d.tflite", "raw.tflite"])
def test_levels_and_gradients_of_a_box(tiny_detector: Path, tmp_path: Path, name: str) -> None:
    subject = open_subject(str(tiny_detector / name))
    picture = cv2.imread(str(tiny_detector / "images" / "0.png"))
    panels = {each.name: each for each in draw(subject, picture, Request(panels=("levels", "gradcam")))}
    values = panels["levels"].values["levels"]
    assert len(values) == len(panels["levels"].drawings) == LEVELS
    answers = subject.answers(subject.fitted(picture))
    step = 1e-3 if name == "d.keras" else 1 / 256 + 1e-3  # a replay is a step off where a sum lies between two
    assert abs(max(each["best_score"] for each in values) - answers[0]["probability"]) < step
    assert [each["anchor_sides_px"][0] for each in values] == sorted(each["anchor_sides_px"][0] for each in values)
    if name == "d.keras":
        assert len(panels["gradcam"].drawings) == 2 and "score" in panels["gradcam"].drawings[0].detail
    else:
        assert "Give the .keras file" in panels["gradcam"].missing
    page.write(tmp_path / "page.html", subject, subject.fitted(picture), "0.png", list(panels.values()))


def test_what_supports_a_box_is_where_its_score_comes_from(tiny_detector: Path) -> None:
    """The heads look at three by three cells of a map; nothing else can support a box that they find there."""
    subject = open_subject(str(tiny_detector / "d.keras"))
    assert isinstance(subject, KerasSubject)
    record = DetectorRecord.read(subject.contract)
    firsts = np.cumsum([0, *(rows * columns * len(sizes) for rows, columns, sizes in record.levels)])
    elsewhere = 0
    for path in sorted((tiny_detector / "images").glob("*.png")):
        fitted = subject.fitted(cv2.imread(str(path)))
        anchor = int(subject.anchor_outputs(fitted)[1][:, 0].argmax())
        level = int(np.searchsorted(firsts, anchor, side="right")) - 1
        rows, columns, sizes = record.levels[level]
        if rows * columns == 1:
            continue
        row, column = divmod((anchor - firsts[level]) // len(sizes), columns)
        read = subject.model.get_layer(f"level{level}_class_depthwise_conv").input
        [name] = [layer.name for layer in subject.model.layers if layer.output is read]
        heat = subject.class_activation(fitted, 0, subject.layer(name))
        assert heat.shape == (rows, columns)
        far = np.ones_like(heat, bool)
        far[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = False
        assert not heat[far].any()
        elsewhere += far.sum()
        assert surest_box(subject, fitted, 0).row.output_shape[1] >= rows, "a finer map, or the one that found it"
    assert elsewhere > 0


def test_the_report_shows_what_the_boxes_get_wrong(tiny_detector: Path) -> None:
    found = verify(
        tiny_detector / "d.tflite", str(tiny_detector / "d.keras"), str(tiny_detector / "images" / "boxes.csv")
    )
    assert found.errors is not None and found.errors.labels == tiny_detectors.LABELS
    objects = sum(sum(row) for row in found.errors.confusion[:-1])
    assert objects == 12 and found.errors.kinds["missed"] <= 12
    assert found.worst and all(image.thumbnail for image in found.worst)
    assert type(found).from_dict(found.to_dict()) == found
    shown = [cv2.imdecode(np.frombuffer(base64.b64decode(each.thumbnail), np.uint8), 1) for each in found.worst]
    assert all(each.shape[1] == 2 * each.shape[0] for each in shown), "the truth beside the answer"
    html = reporting.report(tiny_detector / "d.tflite", found)
    assert ("nobody labeled" in html) == (found.errors.kinds["nothing"] > 0)
    assert 'class="pictures pairs"' in html and 'class="pictures"' not in html, "two images are not cut to a square"
    assert "Precision by recall at an overlap of 0.5" in html and "Images on which most boxes are wrong" in html


def test_estimates_are_of_the_network_and_say_so(tiny_detector: Path) -> None:
    (found,) = estimate(str(tiny_detector / "d.tflite"), EstimateSettings(board="raspberry_pi_4"))
    assert found.latency_ms and not found.refusal
    assert found.left_out == ("CONCATENATION", "LOGISTIC", "TFLite_Detection_PostProcess")
    assert any("without CONCATENATION, LOGISTIC" in line for line in text.sentences([found]))


def test_a_pruned_detector_has_boxes(tiny_detector: Path, tmp_path: Path) -> None:
    """Distilled from itself."""
    data = str(tiny_detector / "images" / "boxes.csv")
    tuning = Tuning(data=data, validation=data, overrides={"epochs": 1, "batch_size": 3, "augment": "none"})
    result = compress(tiny_detector / "d.keras", "channels", tuning, {"keep": 0.8, "rounds": 1})
    before = keras_file.read_contract(tiny_detector / "d.keras")
    assert before is not None and result.model.count_params() < before.model.parameters
    keras_file.save(result.model, result.contract, tmp_path / "c.keras")
    file = quantize(tmp_path / "c.keras", tmp_path / "c.tflite", calibration=Calibration(data, 6, improve="none"))
    assert file.contract.output == "boxes"


def test_a_teacher_has_the_same_anchors(tiny_detector: Path) -> None:
    contract = keras_file.read_contract(tiny_detector / "d.keras")
    assert contract is not None
    check_teacher(contract, contract)
    with pytest.raises(UsageError, match="classes"):
        check_teacher(contract, contract.replace(labels=("dog",)))


def test_from_python(tiny_detector: Path, tmp_path: Path) -> None:
    """The same boxes as of `edgecnn detect`, from a file and from an array; each kind of model has its own function."""
    picture = tiny_detectors.noise(np.random.default_rng(1))
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    model = tiny_detector / "d.tflite"
    detector = edgecnn.load_detector(model)
    found = detector.detect(tmp_path / "a.png", threshold=0, most=7)
    assert found == detect_files(model_file.read(model), [str(tmp_path / "a.png")], 0, 7)[0]["boxes"]
    assert found == detector.detect(picture[..., ::-1], threshold=0, most=7)
    assert len(found) == 7 and {"label", "probability", "box", "pixels"} <= set(found[0])
    with pytest.raises(UsageError, match=r"d\.tflite is a model for detection; open it with edgecnn\.load_detector"):
        edgecnn.load(model)
    edgecnn.quantize(edgecnn.build("mobilenet_v1", input_size=32, width=0.25, classes=5), tmp_path / "c.tflite",
                     scheme="float32")  # fmt: skip
    with pytest.raises(UsageError, match=r"c\.tflite is a model for classification; open it with edgecnn\.load\("):
        edgecnn.load_detector(tmp_path / "c.tflite")


def test_agreement_without_any_sure_box_says_nothing(tiny_detector: Path) -> None:
    """Where both models answer "nothing" on each image."""
    found = verify(tiny_detector / "d.tflite", tiny_detector / "d.keras", open_data(str(tiny_detector / "images")))
    check_bounds(found, None, 0)
    nothing = dataclasses.replace(found, parts_agree=None)
    with pytest.raises(
        BoundNotMetError, match=r"no box has a score of 0.5 or more, so that the agreement says nothing"
    ):
        check_bounds(nothing, None, 0)


def test_counts_in_words_are_of_all_sure_boxes() -> None:
    task = load("detection")
    rows = np.array([[0.01 * n, 0.1, 0.01 * n + 0.05, 0.5, 0, 0.9 - 0.01 * n] for n in range(60)], np.float32)
    contract = Contract(Preprocessing(8, 8, fit="stretch"), "detection", "boxes", ("cat",))
    sure = int((rows[:, 5] >= 0.5).sum())
    assert task.headline(as_outputs(rows, 60), contract)["label"] == f"{sure} cat" and sure > 30
