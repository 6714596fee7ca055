"""What only the training of detectors has: mosaics, anchors from the data, DIoU; and what it refuses elsewhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgecnn.core.errors import UsageError
from edgecnn.data import DataSet
from edgecnn.data.augmentation import Augmentation, mosaic
from edgecnn.data.augmentation.draw import draw
from edgecnn.data.boxes import Box, Boxes
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.provenance import Provenance, TrainingOrigin
from edgecnn.tasks import box_losses, load
from edgecnn.tasks.box_targets import mosaic_truth
from edgecnn.training import FitSettings

RECORD = DetectorRecord(((4, 4, ((0.25, 0.25), (0.5, 0.25))), (2, 2, ((0.5, 0.5), (0.8, 0.8)))), most=10)
SEEN = Preprocessing(80, 80, fit="stretch")
DETECTOR = RECORD.put_into(Contract(SEEN, "detection", "boxes_and_logits", ("a",)))


def test_boxes_of_a_mosaic_follow_the_pixels() -> None:
    """One bright rectangle in one of the four images; it is found where the truth says, or its center is not shown."""
    height, width = 60, 80
    images, truths = np.zeros((4, height, width, 3), np.uint8), np.zeros((4, 2, 8), np.float32)
    truths[:, :, 4] = -1
    seen = 0
    for number, window in enumerate(
        draw(Augmentation(mosaic=1.0), 60, height, width, np.random.default_rng(0)).windows
    ):
        tile = number % 4
        images[:], truths[:, 0, 4] = 0, -1
        images[tile, 18:30, 32:56] = 255
        truths[tile, 0] = [18 / height, 32 / width, 30 / height, 56 / width, 1, 0, height, width]
        shown, found = mosaic.shown(images, window)[:, :, 0] > 127, mosaic_truth(truths, window)
        assert len(found) <= 1 and window.min() >= 0 and (window[:2] + window[2:]).max() <= 2 + 1e-6
        if len(found):
            rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
            corners = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1] / np.array([height, width, height, width])
            assert np.abs(corners - found[0, :4]).max() < 0.03 and found[0, 4] == 1
            seen += 1
        else:  # at most what lies beyond the center is left
            assert shown.mean() < 0.6 * 12 * 24 / (height * width)
    assert 20 < seen < 60


def test_a_mosaic_has_the_image_itself_and_is_not_cropped() -> None:
    changes = draw(Augmentation(mosaic=0.5, crop=0.3), 200, 60, 80, np.random.default_rng(0))
    chosen = changes.windows.any(axis=1)
    assert 70 < chosen.sum() < 130
    assert (changes.tiles == np.arange(200)[:, np.newaxis]).any(axis=1).all()
    assert np.allclose(changes.transforms[chosen, :6], [1, 0, 0, 0, 1, 0])
    assert not np.allclose(changes.transforms[~chosen, :6], [1, 0, 0, 0, 1, 0])
    part = changes.rows(10, 20)
    assert np.array_equal(part.tiles, changes.tiles[10:20]) and np.array_equal(part.windows, changes.windows[10:20])


def test_upside_down_flips_rows() -> None:
    a0, a1, a2, b0, b1, b2 = draw(Augmentation(upside_down=1.0), 1, 60, 80, np.random.default_rng(0)).transforms[0, :6]
    assert [a0, a1, a2, b0, b1, b2] == [1, 0, 0, 0, -1, 59]


def test_diou_is_its_definition() -> None:
    """One minus the overlap plus the squared distance of the centers over that of the corners around both, twice."""
    first = np.array([[0, 0, 0, 0]], np.float32)  # the anchor itself: -0.5 to 0.5
    second = np.array([[5.0, 0, 0, 5 * np.log(2)]], np.float32)  # half a side lower, and twice as wide
    overlap = 0.5 / (1 + 2 - 0.5)
    assert np.allclose(box_losses.diou(first, second), [2 * (1 - overlap + 0.5**2 / (1.5**2 + 2**2))], atol=1e-5)
    assert np.allclose(box_losses.diou(second, second), 0, atol=1e-5)


def boxes_of(sides: list[float]) -> DataSet:
    each = [Boxes(100, 100, (Box("a", (10, 10, 10 + 100 * side, 10 + 50 * side)),)) for side in sides]
    return DataSet("boxes", tuple(map(_Annotated, each)), ("a",))  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class _Annotated:
    """As much of an example as anchors are fitted to."""

    annotation: Boxes
    label: None = None


def test_anchors_are_fitted_unless_heads_have_learned_theirs() -> None:
    task, data = load("detection"), boxes_of([0.1, 0.12, 0.5, 0.6] * 20)
    fresh = task.adapted(DETECTOR, data, DETECTOR, "auto")
    (_, _, fine), (_, _, coarse) = DetectorRecord.read(fresh).levels
    assert all(width == pytest.approx(2 * height, rel=1e-3) for height, width in (*fine, *coarse))
    assert fine[0][1] < 0.12 and 0.4 < coarse[0][1] < coarse[1][1]
    origin = TrainingOrigin("boxes", "auto", {}, {}, (), {})
    trained = DETECTOR.replace(provenance=Provenance(training=origin))
    assert task.adapted(trained, data, trained, "auto") is trained
    assert task.adapted(DETECTOR, data, DETECTOR, "model") is DETECTOR
    assert DetectorRecord.read(task.adapted(trained, data, trained, "data")) == DetectorRecord.read(fresh)
    classifier = trained.replace(task="classification", output="logits")
    assert DetectorRecord.read(task.adapted(trained, data, classifier, "auto")) == DetectorRecord.read(fresh)


def test_what_is_for_detectors_is_refused_for_classifiers() -> None:
    task, contract = load("classification"), Contract(SEEN, labels=("a", "b"))
    for name, value in (("box_loss", "giou"), ("class_loss", "focal")):
        with pytest.raises(UsageError, match=f"{name} means nothing to an image classifier"):
            task.check_settings({name: value})
        load("detection").check_settings({name: value})
    task.check_settings({"box_loss": None, "epochs": 3})
    with pytest.raises(UsageError, match="anchors means nothing to an image classifier"):
        task.adapted(contract, boxes_of([0.1]), contract, "data")
    with pytest.raises(UsageError, match="shows four images at once"):
        task.encoder(np.array([0, 1]), contract, FitSettings(augment="objects_mosaic"))
