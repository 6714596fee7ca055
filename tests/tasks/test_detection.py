"""Detection: decoding, targets under augmentation, COCO's figures against pycocotools, a model that learns boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgecnn.core.errors import UsageError
from edgecnn.data import open_data
from edgecnn.data.augmentation import preset
from edgecnn.data.augmentation.draw import draw
from edgecnn.data.boxes import Box, Boxes
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.box_decoding import (
    as_outputs,
    corners,
    corrections,
    detections,
    of_outputs,
    overlaps,
)
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.opencv import CLASS_COLORS
from edgecnn.runtime.tasks.detection import TASK, agree, in_picture
from edgecnn.tasks import load
from edgecnn.tasks.average_precision import Matched, coco_figures
from edgecnn.tasks.box_targets import NO_CLASS, BoxTargets, moved
from edgecnn.tasks.box_truths import truth_rows
from edgecnn.training import FitSettings

HERE = Path(__file__).parent
RECORD = DetectorRecord(((4, 4, ((0.25, 0.25), (0.5, 0.25))), (2, 2, ((0.5, 0.5), (0.8, 0.8)))), most=10)


def boxes_of(count: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    low, size = random.uniform(0, 0.6, (count, 2)), random.uniform(0.1, 0.4, (count, 2))
    return np.concatenate((low, low + size), axis=1).astype(np.float32)


def test_corrections_and_corners_are_inverse() -> None:
    boxes = boxes_of(RECORD.count)
    assert np.allclose(corners(corrections(boxes, RECORD), RECORD), boxes, atol=1e-6)
    zeros = corners(np.zeros((RECORD.count, 4), np.float32), RECORD)
    assert np.allclose(zeros[0], [0, 0, 0.25, 0.25]) and np.allclose(zeros[-1], [0.35, 0.35, 1.15, 1.15])


def test_overlap_is_the_definition() -> None:
    first, second = boxes_of(5), boxes_of(7, 1)
    found = overlaps(first, second)
    for i, (y0, x0, y1, x1) in enumerate(first):
        for j, (b0, a0, b1, a1) in enumerate(second):
            shared = max(0.0, min(y1, b1) - max(y0, b0)) * max(0.0, min(x1, a1) - max(x0, a0))
            union = (y1 - y0) * (x1 - x0) + (b1 - b0) * (a1 - a0) - shared
            assert abs(found[i, j] - shared / union) < 1e-6


def test_suppression_keeps_the_surest_of_overlapping_boxes() -> None:
    boxes = np.zeros((RECORD.count, 4), np.float32)
    boxes[:, 2:] = 0.01
    boxes[:4] = [[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.49], [0.5, 0.5, 1, 1], [0, 0.5, 0.5, 1]]
    scores = np.zeros((RECORD.count, 2), np.float32)
    scores[:4] = [[0.1, 0.8], [0.9, 0.1], [0.3, 0.4], [0.001, 0.009]]
    rows = detections(corrections(boxes, RECORD), scores, RECORD)
    assert np.allclose(rows[:, 4:], [[0, 0.9], [1, 0.4]]) and np.allclose(rows[:, :4], boxes[[1, 2]], atol=1e-6)
    again = of_outputs(as_outputs(rows, RECORD.most))
    assert np.array_equal(again, rows)


def test_answers_in_pixels_of_the_picture() -> None:
    contract = Contract(Preprocessing(100, 100, fit="stretch"), "detection", "boxes", ("ant", "bee"))
    rows = np.array([[0.1, 0.2, 0.5, 0.4, 1, 0.9], [0, 0, 1, 1, 0, 0.6], [0, 0, 1, 1, 0, 0.01]], np.float32)
    outputs = [*map(np.asarray, as_outputs(rows, 10))]
    answers = TASK.answers(TASK.interpret(outputs, contract), contract, 10)
    assert [(each["label"], round(each["probability"], 3)) for each in answers] == [("bee", 0.9), ("ant", 0.6)]
    assert np.allclose(answers[0]["box"], [0.2, 0.1, 0.4, 0.5]) and TASK.caption(answers) == "1 bee, 1 ant"
    box = answers[0]["box"]
    assert in_picture(box, contract.preprocessing, 50, 200) == (40, 5, 80, 25)
    assert in_picture(box, Preprocessing(100, 100, fit="crop", crop=1.0), 100, 200) == (70, 10, 90, 50)
    assert in_picture(box, Preprocessing(100, 100, fit="pad"), 100, 200) == (40, 0, 80, 50)
    canvas = np.zeros((100, 100, 3), np.uint8)
    TASK.draw(canvas, answers, "", contract)
    assert canvas[10, 20:40].any(axis=1).all() and not canvas[60:90, 60:90].any()
    assert tuple(canvas[30, 20]) == CLASS_COLORS[1] and tuple(canvas[70, 0]) == CLASS_COLORS[0]


def test_agreement_is_of_matched_boxes() -> None:
    sure = np.array([[0.1, 0.1, 0.5, 0.5, 1, 0.9]], np.float32)
    for change, same in (
        ((0, 0.02), True),
        ((0, 0.3), False),
        ((4, -1), False),
        ((5, -0.45), True),
        ((5, -0.6), False),
    ):
        other = sure.copy()
        other[0, change[0]] += change[1]
        assert agree(sure, other) is same and agree(other, sure) is same
    assert agree(sure[:0], sure[:0]) and not agree(sure, sure[:0])


def test_garbage_behind_the_count_is_never_looked_at() -> None:
    contract = Contract(Preprocessing(8, 8, fit="stretch"), "detection", "boxes", ("a",))
    outputs = [*map(np.asarray, as_outputs(np.array([[0, 0, 1, 1, 0, 0.9]], np.float32), 3))]
    raw = [values.copy() for values in outputs]
    raw[0][1:], raw[1][1:], raw[2][1:] = np.nan, 1e33, np.inf
    assert all(np.array_equal(a, b) for a, b in zip(TASK.settled(raw, contract), outputs))


def test_targets_follow_the_image() -> None:
    """A crop and a flip move the boxes as they move the pixels."""
    from edgecnn.data.augmentation import apply

    height, width = 60, 80
    truth = np.array([[0.3, 0.4, 0.5, 0.7, 1, 0, height, width]], np.float32)
    image = np.zeros((height, width, 3), np.uint8)
    image[18:30, 32:56] = 255
    settings, checked, smaller = preset("objects"), 0, 0
    for seed in range(40):
        changes = draw(settings, 1, height, width, np.random.default_rng(seed), [np.array([[0.4, 0.55]])])
        after = moved(truth, changes.transforms[0], (height, width))
        assert len(after) == 1  # the crop keeps the center
        plain = np.array([[0, 1, 1]], np.float32)
        shown = apply.move_and_recolor(image[np.newaxis], changes.transforms, plain, settings).numpy()[0, :, :, 0] > 127
        rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
        found = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1] / np.array([height, width, height, width])
        assert np.abs(found - after[0, :4]).max() < 0.03, seed
        checked += not np.allclose(after, truth)
        smaller += (after[0, 2:4] - after[0, :2] < truth[0, 2:4] - truth[0, :2] - 1e-3).all()
    assert checked > 20 and smaller > 5  # some get a margin


def test_each_object_gets_an_anchor_and_crowds_are_ignored() -> None:
    truth = np.full((1, 3, 8), 0, np.float32)
    truth[0, :, 4] = -1
    truth[0, 0] = [0.01, 0.01, 0.03, 0.03, 2, 0, 100, 100]  # smaller than any anchor
    truth[0, 1] = [0.5, 0.5, 1, 1, 0, 1, 100, 100]  # a crowd
    encoder = BoxTargets(truth, RECORD, (100, 100))
    flat = draw(preset("none"), 1, 100, 100, np.random.default_rng(0))
    targets, weights = encoder(np.array([0]), np.array([0]), flat)
    assert targets.shape == (1, RECORD.count, 5) and weights.tolist() == [1.0]
    classes = targets[0, :, 4]
    (own,) = np.flatnonzero(classes > 0)
    assert classes[own] == 3
    assert np.allclose(corners(targets[0, :, :4], RECORD)[own], truth[0, 0, :4], atol=1e-6)
    assert (classes == -1).any() and (classes == 0).any()


@pytest.mark.parametrize("case", json.loads((HERE / "coco_figures.json").read_text()))
def test_cocos_figures_are_pycocotools(case: Any) -> None:
    """Recorded by record_coco_figures.py on random detections of random objects, some of them crowds."""
    found = [np.array(rows, np.float32).reshape(-1, 6) for rows in case["found"]]
    truths = [np.array(rows, np.float32).reshape(-1, 8) for rows in case["truths"]]
    assert coco_figures(found, truths) == pytest.approx(case["figures"], abs=1e-6)


def test_the_standard_error_is_how_far_other_images_of_the_kind_are_off() -> None:
    """Detectors that find each of 40 objects with a chance of 0.6; the jackknife knows one draw, the spread all."""
    drawn, told = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        truth = np.array([[0.1, 0.1, 0.5, 0.5, 0, 0, 100, 100]], np.float32)
        found = [
            np.array([[place, place, place + 0.4, place + 0.4, 0, random.uniform(0.1, 1)]], np.float32)
            for place in np.where(random.uniform(size=40) < 0.6, 0.1, 0.55)
        ]
        matched = Matched.of(found, [truth] * 40)
        drawn.append(matched.figures()[0].mean())
        told.append(matched.standard_error())
    assert 0.8 < np.sqrt(np.mean(np.square(told))) / np.std(drawn, ddof=1) < 1.25
    assert Matched.of(found[:1], [truth]).standard_error() == 0
    background = truth.copy()
    background[:, 4] = NO_CLASS
    few = Matched.of(found[:20], [truth, *[background] * 19])
    assert few.standard_error() < 0.1  # all objects are in one image: that there are none without it is no figure


def test_half_of_the_surest_boxes_are_found_again_however_sure() -> None:
    contract = Contract(Preprocessing(8, 8, fit="stretch"), "detection", "boxes", ("cat", "dog"))
    places = np.array([[0.2 * n, 0.1, 0.2 * n + 0.15, 0.5, n % 2, 0.12 - 0.01 * n] for n in range(5)], np.float32)
    expected = as_outputs(places, 10)
    shifted = places + np.array([0.01, 0, 0.01, 0, 0, 0.02], np.float32)
    two, three = (np.concatenate((shifted[:count], places[count:, [1, 0, 3, 2, 4, 5]])) for count in (2, 3))
    found = [as_outputs(rows, 10) for rows in (places, shifted, three, two, places[:0])]
    assert [TASK.same(expected, each, contract) for each in found] == [True, True, True, False, False]


def test_a_class_that_only_one_model_sees_and_no_image_has_is_left_out() -> None:
    """The float model is hardly sure of a dog, the artifact sees none; and a contract may name no classes."""
    truths = [np.array([[0.1, 0.1, 0.5, 0.5, 0, 0, 100, 100]], np.float32)] * 5
    cat, dog = [0.1, 0.1, 0.5, 0.5, 0, 0.9], [0.6, 0.6, 0.9, 0.9, 1, 0.02]
    expected = [as_outputs(np.array([cat, dog], np.float32), 25)] * 5
    found = [as_outputs(np.array([cat], np.float32), 25)] * 5
    contract = Contract(Preprocessing(8, 8, fit="stretch"), "detection", "boxes", ("cat", "dog"))
    assert [*load("detection").details(expected, found, truths, contract)] == ["AP of cat", "AP of medium objects"]
    assert "AP of 0" in load("detection").details(expected, found, truths, contract.replace(labels=()))


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_an_object_is_as_large_as_in_its_image(fit: str) -> None:
    """34 x 34 pixels are medium, however the image comes into the input."""
    boxes = Boxes(640, 480, (Box("a", (300, 200, 334, 234)),))
    rows = truth_rows(boxes, {"a": 0}, Preprocessing(320, 320, fit=fit))
    figures = coco_figures([np.append(rows[:, :5], [[0.9]], axis=1)], [rows])
    assert (figures["APs"], figures["APm"], figures["APl"]) == (-1, 1, -1)


def test_losses_are_their_definitions() -> None:
    from edgecnn.tasks import box_losses
    from edgecnn.training import settings

    assert tuple(box_losses.BOX_LOSSES) == settings.BOX_LOSSES
    assert tuple(box_losses.CLASS_LOSSES) == settings.CLASS_LOSSES
    first, second = boxes_of(RECORD.count), boxes_of(RECORD.count, 1)
    said = [corrections(boxes, RECORD) for boxes in (first, second)]
    overlap = np.diagonal(overlaps(first, second))
    around = (np.maximum(first, second)[:, 2:] - np.minimum(first, second)[:, :2]).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = sum(areas) / (1 + overlap)
    expected = 2 * (1 - overlap + (around - union) / around)
    assert np.allclose(box_losses.giou(*said), expected, atol=1e-4) and (overlap == 0).any()
    assert np.allclose(box_losses.overlap(*said), overlap, atol=1e-5)
    assert np.allclose(box_losses.giou(said[0], said[0]), 0, atol=1e-4)
    off = np.array([[0.5, 0, 0, 0], [3, 0, 0, 0]], np.float32)
    assert np.allclose(box_losses.smooth_l1(off, np.zeros_like(off)), [0.125, 2.5])
    logits, classes = np.array([[[0.3, -1.0], [0.2, 2.0], [4.0, 4.0]]], np.float32), np.array([[2, 0, -1]])
    scores = 1 / (1 + np.exp(-logits[0].astype(float)))
    for name, wanted in (("focal", 1.0), ("quality", 0.7)):
        truth = np.array([[0, wanted], [0, 0]])
        entropy = -truth * np.log(scores[:2]) - (1 - truth) * np.log(1 - scores[:2])
        missed, balance = abs(truth - scores[:2]), np.where(truth > 0, 0.25, 0.75)
        each = entropy * (missed**2 if name == "quality" else balance * missed**1.5)
        found = box_losses.CLASS_LOSSES[name](logits, classes, np.full((1, 3), 0.7, np.float32))
        assert np.allclose(found, [each.sum()], rtol=1e-5), name


def test_figures_by_class_and_size() -> None:
    """Of single classes and sizes as pycocotools has them; a model against itself loses nothing."""
    case = json.loads((HERE / "coco_figures.json").read_text())[0]
    found = [np.array(rows, np.float32).reshape(-1, 6) for rows in case["found"]]
    truths = [np.array(rows, np.float32).reshape(-1, 8) for rows in case["truths"]]
    outputs = [as_outputs(rows, 1000) for rows in found]
    names = tuple("abcdefgh")
    contract = Contract(Preprocessing(8, 8, fit="stretch"), "detection", "boxes", names)
    task = load("detection")
    metrics, drop = task.metrics(outputs, outputs, truths, contract)
    details = task.details(outputs, outputs, truths, contract)
    assert metrics["map"].artifact.percent == pytest.approx(100 * case["figures"]["AP"], abs=1e-3)
    assert (drop.percent, drop.low_percent, drop.high_percent) == (0, 0, 0)
    for size in ("small", "medium", "large"):
        if case["figures"][f"AP{size[0]}"] >= 0:
            share = details[f"AP of {size} objects"].artifact
            assert share.percent == pytest.approx(100 * case["figures"][f"AP{size[0]}"], abs=1e-3)
            assert share.low_percent <= share.percent <= share.high_percent
    classes = [details[f"AP of {name}"].artifact.percent for name in names if f"AP of {name}" in details]
    assert np.mean(classes) == pytest.approx(metrics["map"].artifact.percent, abs=1e-2)
    matched = task.parts_agree(outputs, outputs)
    assert matched is not None and matched.percent == 100
    assert task.parts_agree([as_outputs(found[0][:0], 9)], [as_outputs(found[0][:0], 9)]) is None


def test_what_a_task_cannot_do_is_one_sentence() -> None:
    task = load("detection")
    contract = RECORD.put_into(Contract(Preprocessing(8, 8, fit="stretch"), "detection", "boxes_and_logits", ("a",)))
    with pytest.raises(UsageError, match="--augment mixup mixes images"):
        task.encoder(np.zeros((1, 1, 8), np.float32), contract, FitSettings(augment="mixup"))
    with pytest.raises(UsageError, match="--class-weights weights whole images"):
        task.encoder(np.zeros((1, 1, 8), np.float32), contract, FitSettings(class_weights=True))
    assert task.teacher_order(contract, contract) is None
    with pytest.raises(UsageError, match="teacher"):
        task.teacher_order(contract, contract.replace(labels=("b",)))


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 images of bright rectangles and dark ellipses on noise, as a table of boxes."""
    root = tmp_path_factory.mktemp("squares")
    random, lines = np.random.default_rng(1), ["path,label,xmin,ymin,xmax,ymax"]
    for number in range(16):
        image = random.integers(90, 140, (96, 96, 3)).astype(np.uint8)
        for place in range(random.integers(1, 3)):
            x, y = random.integers(2, 20) + 46 * place, random.integers(2, 60)
            w, h = random.integers(18, 28), random.integers(18, 30)
            if random.random() < 0.5:
                cv2.rectangle(image, (x, y), (x + w - 1, y + h - 1), (230, 240, 250), -1)
                lines.append(f"{number:02}.png,bright,{x},{y},{x + w},{y + h}")
            else:
                cv2.ellipse(image, (x + w // 2, y + h // 2), (w // 2, h // 2), 0, 0, 360, (20, 10, 30), -1)
                lines.append(f"{number:02}.png,dark,{x},{y},{x + w},{y + h}")
        cv2.imwrite(str(root / f"{number:02}.png"), image)
    (root / "boxes.csv").write_text("\n".join(lines))
    return root


def small_classifier() -> Any:
    """Six plain layers at 96 pixels, whose maps have the strides 2 to 32: a step takes milliseconds."""
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.models import blocks

    style = blocks.Style("relu6", momentum=0.8)  # statistics that follow within so few steps
    x = inputs = keras.Input((96, 96, 3))
    for number, filters in enumerate((16, 24, 32, 48, 64)):
        x = blocks.conv_bn(x, filters, f"block{number}", style, kernel=3, stride=2)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10, name="head")(x), name="small")


@pytest.fixture(scope="module")
def learned(squares: Path) -> tuple[Path, Any]:
    """A detector that has learned the sixteen images, as a Keras file, and its training."""
    from edgecnn.float_model import keras_file
    from edgecnn.float_model.detector import as_detector
    from edgecnn.runtime.model.records import ModelDescription
    from edgecnn.training import TrainOptions, train

    described = ModelDescription("small")
    seen = Preprocessing(96, 96, mean=(127.5,) * 3, std=(127.5,) * 3, fit="stretch")
    model, contract = as_detector(small_classifier(), Contract(seen, model=described), classes=2)
    keras_file.save(model, contract, squares / "start.keras")
    data = str(squares / "boxes.csv")
    overrides = {"epochs": 24, "batch_size": 4, "augment": "none", "learning_rate": 6e-3, "weight_average": 0.9}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("EDGECNN_CACHE", str(squares / "cache"))
        found = train(squares / "start.keras", TrainOptions(data, "scratch", overrides, validation=data))
    keras_file.save(found.model, found.contract, squares / "d.keras")
    return squares / "d.keras", found


@pytest.mark.slow
def test_it_learns_sixteen_images(squares: Path, learned: tuple[Path, Any]) -> None:
    """AP50 above 0.95 on what it was trained on: annotations, targets, losses, decoding and metric fit together."""
    from edgecnn.tasks.average_precision import mean

    found = learned[1]
    assert found.contract.labels == ("bright", "dark") and "validation_map_percent" in found.contract.accuracy.trained
    task, opened = load("detection"), open_data(str(squares / "boxes.csv"))
    truth_of = task.truth_of(opened, found.contract)
    assert truth_of is not None
    images = np.stack([cv2.cvtColor(each.read(), cv2.COLOR_BGR2RGB) for each in opened.examples])
    outputs = [values.numpy() for values in found.model((images - np.float32(127.5)) / np.float32(127.5))]
    rows = [task.device.interpret([values[row] for values in outputs], found.contract) for row in range(16)]
    precision, _ = Matched.of(rows, [truth_of(each) for each in opened.examples]).figures()
    assert mean(precision[:, 0]) > 0.95
    assert abs(100 * mean(precision) - found.validation.accuracy_percent) < 0.01


@pytest.mark.slow
def test_quantization_aware_training(squares: Path, learned: tuple[Path, Any], tmp_path: Path) -> None:
    """The artifact has the ranges of the training, and finds what the Keras model finds."""
    from edgecnn.compression import Tuning, compress
    from edgecnn.float_model import keras_file
    from edgecnn.quantization import Calibration, quantize
    from edgecnn.verification import verify

    data = str(squares / "boxes.csv")
    overrides = {"epochs": 2, "batch_size": 4, "augment": "none"}
    found = compress(learned[0], "qat", Tuning(data=data, validation=data, overrides=overrides))
    assert found.after.accuracy_percent > found.before.accuracy_percent - 3
    keras_file.save(found.model, found.contract, tmp_path / "q.keras")
    file = quantize(tmp_path / "q.keras", tmp_path / "q.tflite", calibration=Calibration(data, 16))
    assert file.contract.provenance.qat is True and file.contract.output == "boxes"
    verified = verify(tmp_path / "q.tflite", str(tmp_path / "q.keras"), data)
    assert verified.metrics["ap50"].artifact.percent > 95 and verified.drop.percent < 2
    assert verified.parts_agree is not None and verified.parts_agree.percent == 100
