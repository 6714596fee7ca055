"""EfficientDet: the published figures, the anchors, and the same convolutions for all maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tiny_detectors

from edgecnn import targets
from edgecnn.builder import build_model
from edgecnn.core.errors import UsageError
from edgecnn.graph import keras_macs
from edgecnn.models import box_heads, catalog, efficientdet
from edgecnn.models.efficientdet import Variant
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.run.engine import Engine


def trainable(model: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize("name", list(efficientdet.VARIANTS))
def test_parameters_are_the_published_ones(name: str) -> None:
    """https://github.com/rwightman/efficientdet-pytorch: 3.24, 4.25 and 5.25 million, with 90 classes."""
    model, contract = build_model(name, classes=90)
    assert abs(trainable(model) / efficientdet.VARIANTS[name].parameters - 1) < 0.01
    assert contract.model.name == name and contract.model.paper == efficientdet.PAPER
    assert contract.preprocessing.height == catalog.spec(name).input_size == efficientdet.VARIANTS[name].input_size


def test_pyramid_and_heads_have_the_papers_cost() -> None:
    """Nobody published the MACs of the Lite variants. Those of D0 are 2.5 billion (table 2 of the paper; 2.54 in its
    repository), its parameters 3.9 million (3.88); its pyramid and its heads are those of Lite0.
    """
    backbone, _ = build_model("efficientnet_b0", input_size=512)
    d0 = Variant("efficientnet_b0", 512, 64, 3, 3.88e6, anchor_scale=4.0, activation="swish")
    model, record = efficientdet.detector(backbone, "efficientdet_d0", 90, d0)
    assert abs(trainable(model) / 3.88e6 - 1) < 0.01
    assert abs(keras_macs.total(model) / 2.54e9 - 1) < 0.02
    assert record.count == 49_104 == 9 * sum((512 // 2**level) ** 2 for level in efficientdet.LEVELS)


def test_anchors_and_maps() -> None:
    """Of a map with r rows the smallest square anchor has three cells' side; 9 to a cell."""
    _, contract = build_model("efficientdet_lite0", classes=2)
    record = DetectorRecord.read(contract)
    assert [level[:2] for level in record.levels] == [(40, 40), (20, 20), (10, 10), (5, 5), (3, 3)]
    assert record.count == 9 * (1600 + 400 + 100 + 25 + 9)
    first = np.array(record.levels[0][2])
    assert np.allclose(first[0], 3 / 40) and np.allclose(first[3], 3 / 40 * 2 ** (1 / 3))
    assert np.allclose(first[1][1] / first[1][0], 2) and np.allclose(first[1].prod(), (3 / 40) ** 2)


def test_all_maps_share_a_head() -> None:
    model, _ = build_model("efficientdet_lite0", input_size=128, classes=3, seed=1)
    assert len(model.get_layer("head_class_conv").inbound_nodes) == len(efficientdet.LEVELS)
    other = box_heads.with_classes(model, 2)
    image = np.random.default_rng(0).normal(size=(1, 128, 128, 3)).astype(np.float32)
    ours, theirs = model(image), other(image)
    assert np.array_equal(ours[0], theirs[0]) and theirs[1].shape == (*ours[1].shape[:2], 2)
    assert len(other.get_layer("head_class_conv").inbound_nodes) == len(efficientdet.LEVELS)
    share = float(1 / (1 + np.exp(-np.mean(ours[1]))))
    assert abs(share - box_heads.PRIOR) < 0.01


def test_its_artifact_is_int8_and_gives_the_same_boxes_raw(tmp_path: Path) -> None:
    """Up to the operator; the Edge TPU's rules let it run all of that. The input is not square."""
    model, contract = build_model("efficientdet_lite0", input_size=64, input_width=96, classes=2, width=0.35)
    random = np.random.default_rng(0)
    images = np.stack([tiny_detectors.noise(random, 64, 96) for _ in range(4)])
    for number, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    for layer in model.layers:  # activations of a usual size, with which boxes depend on the image
        layer.momentum = 0.0
    model((images - np.float32(127)) / 128, training=True)
    source = (model, contract.replace(labels=("ant", "bee")))
    calibration = Calibration(str(tmp_path), 4, improve="none")
    whole, raw = (
        quantize(source, tmp_path / f"{raw}.tflite", calibration=calibration, raw=raw) for raw in (False, True)
    )
    for image in images:
        found = [engine.interpret(engine.invoke(engine.prepare(image))) for engine in (Engine(whole), Engine(raw))]
        assert len(found[0]) and np.allclose(found[0], found[1], atol=1e-5)
    refused = [row for row in targets.check(whole.model).operators if not row.mapped]
    assert {row.type for row in refused} <= {"DEQUANTIZE", "TFLite_Detection_PostProcess"}


def test_only_backbones_of_inverted_residuals() -> None:
    with pytest.raises(UsageError, match="no blocks of inverted residuals"):
        efficientdet.detector(build_model("vgg16", input_size=64)[0], "efficientdet_lite0", 2)
