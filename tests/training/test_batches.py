"""Batches: every image once per epoch, and the parts of several workers are the whole."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgecnn.core.errors import UsageError
from edgecnn.data.augmentation import preset
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.training import FitSettings, TrainingRows
from edgecnn.training.batches import Batches


def numbered(count: int = 23) -> TrainingRows:
    """Pictures whose every pixel is their number."""
    pictures = np.repeat(np.arange(count, dtype=np.uint8), 6 * 6 * 3).reshape(count, 6, 6, 3)
    labels = np.arange(count, dtype=np.int64) % 3
    return TrainingRows(
        pictures, np.arange(count), labels, Contract(Preprocessing(6, 6), labels=("ant", "bee", "cat")), "key"
    )


def test_an_epoch_has_each_picture_once_and_the_next_another_order() -> None:
    batches = Batches(numbered(), FitSettings(batch_size=5, augment="none"))
    assert batches.steps_per_epoch == 4
    epochs = [[int(batches.arrays(step)[0][i, 0, 0, 0]) for step in range(e, e + 4) for i in range(5)] for e in (0, 4)]
    for epoch in epochs:
        assert len(set(epoch)) == 20
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("augment", ["none", "light", "strong_mix"])
def test_workers_parts_make_the_whole_batch(augment: str) -> None:
    settings = FitSettings(batch_size=8, augment=augment, class_weights=True)
    random = np.random.default_rng(0)
    source = dataclasses.replace(numbered(), inputs=random.integers(0, 256, (23, 6, 6, 3), dtype=np.uint8))
    whole = list(Batches(source, settings).dataset(2, 5))
    parts = [list(Batches(source, settings, worker, 2).dataset(2, 5)) for worker in range(2)]
    for step, first, second in zip(whole, *parts):
        for everything, one, two in zip(step[1:], first[1:], second[1:]):
            joined = np.concatenate((one, two))
            # Mixing pairs an image with one of the whole batch, so a worker may need another worker's images.
            assert np.allclose(joined, everything, atol=1e-3)


def test_targets_are_smoothed_and_weights_average_to_one() -> None:
    source = dataclasses.replace(numbered(20), truths=np.array([0] * 14 + [1] * 5 + [2]))
    batches = Batches(source, FitSettings(batch_size=20, label_smoothing=0.3, class_weights=True, augment="none"))
    _, targets, weights, *_ = batches.arrays(0)
    assert np.allclose(np.sort(targets, axis=1), [[0.1, 0.1, 0.8]] * 20)
    assert np.isclose(weights.mean(), 1)
    rare = targets.argmax(axis=1) == 2
    assert np.allclose(weights[rare], 20 / 3 / 1) and np.isclose(weights.min(), 20 / 3 / 14)


def test_crops_and_mosaics_end_before_the_last_three_tenths_of_the_steps() -> None:
    """Pixels of a mosaic are of several images; a crop's or a margin's scale is not 1."""
    truths = np.full((16, 1, 8), -1, np.float32)
    record = DetectorRecord(((2, 2, ((0.5, 0.5),)),))
    contract = record.put_into(Contract(Preprocessing(6, 6), "detection", "boxes_and_logits", ("ant",)))
    source = dataclasses.replace(numbered(16), truths=truths, contract=contract)
    batches = Batches(source, FitSettings(batch_size=8, augment="objects_mosaic", epochs=8))
    steps = [batches.arrays(step) for step in range(16)]
    mixed = [sum(len(np.unique(image)) > 1 for image in inputs) for inputs, *_ in steps]
    scaled = [int((abs(transforms[:, [0, 4]]) != 1).any(axis=1).sum()) for *_, transforms, _, _, _ in steps]
    assert sum(mixed[:12]) > 25 and sum(mixed[12:]) == 0
    assert sum(scaled[:12]) > 25 and sum(scaled[12:]) == 0
    assert len({tuple(row) for *_, transforms, _, _, _ in steps[12:] for row in transforms}) == 2, "mirrored or not"


def test_a_preset_for_large_objects_is_cropped_to_the_end() -> None:
    assert preset("objects").at(0.99) == preset("objects")
    assert preset("objects_overhead").at(0.69).crop and not preset("objects_overhead").at(0.71).crop


def test_fewer_pictures_than_a_batch() -> None:
    batches = Batches(numbered(5), FitSettings(batch_size=64), 0, 2)
    assert (batches.size, batches.steps_per_epoch) == (4, 1)


def test_what_the_encoder_refuses_is_said_in_its_own_words() -> None:
    """And not with the frames of TensorFlow's graph around it."""
    contract = Contract(Preprocessing(8, 8), "detection", "boxes_and_logits", ("cat",))
    source = dataclasses.replace(numbered(), contract=contract)
    with pytest.raises(UsageError, match=r"^--augment mixup mixes images"):
        Batches(source, FitSettings(batch_size=5, augment="mixup")).dataset(0, 1)
