"""Detectors: heads on the feature maps of a backbone, against the papers' figures and the anchors' definition."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.core.errors import UsageError
from edgecnn.core.options import SettingError
from edgecnn.float_model import keras_file
from edgecnn.float_model.detector import as_detector
from edgecnn.models import box_heads, catalog, ssd
from edgecnn.models.anchor_fitting import k_means, overlap
from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.contract import Contract


def folded(model: Any) -> tuple[int, float]:
    """Parameters and multiply-adds as TensorFlow's profiler counts them in an inference graph, whose batch norms became
    a bias each: half of its operations, of which each output of a convolution has one more for its bias.
    """
    parameters, additions = 0, 0
    for layer in model.layers:
        kernels = [weight for weight in layer.weights if "kernel" in weight.name]
        parameters += sum(math.prod(weight.shape) for weight in kernels)
        if kernels:
            shape = layer.output_shape
            parameters += shape[-1]
            additions += math.prod(shape[1:])
    return parameters, additions / 2


@pytest.mark.parametrize(
    ("name", "classes", "parameters", "macs"),
    [
        ("mobilenet_v2_ssd", 80, 4.3e6, 0.80e9),  # arXiv:1801.04381, table 6
        ("mobilenet_v3_large_ssd", 90, 4.97e6, 0.62e9),  # arXiv:1905.02244, table 6
    ],
)
def test_figures_are_the_papers(name: str, classes: int, parameters: float, macs: float) -> None:
    """Neither paper says how many classes the counted heads have; COCO has 80, whose numbers go up to 90. With 90 and
    this way of counting, both published figures of MobileNetV3's other detector come out too (3.22 million, 1.02
    billion operations: ssdlite_mobilenet_v3_large_320x320_coco.config), so it is how they were counted.
    """
    model, contract = build_model(name, classes=classes)
    found, additions = folded(model)
    assert abs(found / parameters - 1) < 0.01
    assert abs(((contract.model.macs or 0) + additions) / macs - 1) < 0.01


def test_a_detector_on_any_backbone_keeps_its_weights() -> None:
    plain, _ = build_model("efficientnet_lite0", input_size=128, seed=3)
    model, contract = build_model("efficientnet_lite0_ssd", input_size=128, classes=1, seed=3)
    assert (contract.task, contract.output, contract.labels) == ("detection", "boxes_and_logits", ())
    assert contract.preprocessing.fit == "stretch" and contract.model.name == "efficientnet_lite0_ssd"
    assert contract.model.family == "ssd" and contract.model.parameters == model.count_params()
    count = 6 * sum(side**2 for side in (16, 8, 4, 2, 1, 1))
    assert [tuple(output.shape) for output in model.outputs] == [(None, count, 4), (None, count, 1)]
    ours = {layer.name: layer.get_weights() for layer in model.layers}
    for layer in plain.layers:
        if layer.name in ours and layer.weights:
            assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), ours[layer.name])), layer.name
    boxes, logits = model(np.zeros((1, 128, 128, 3), np.float32))
    assert abs(float(1 / (1 + np.exp(-logits.numpy().mean()))) - box_heads.PRIOR) < 0.01
    assert np.abs(boxes.numpy()).max() < 5


def test_the_maps_are_the_last_of_their_stride() -> None:
    """MobileNetV2, section 6.2, and V3, section 6.3: the expansion of the block that halves the map, and the top."""
    for name, middle, channels in (("mobilenet_v2", "block13_expand_act", 576), ("mobilenet_v3_large", "", 672)):
        model, _ = build_model(name, input_size=320)
        maps = ssd.feature_maps(model, 16)
        assert [tuple(x.shape[1:3]) for x in maps] == [(20, 20), (10, 10)]
        assert maps[0].shape[-1] == channels
        assert not middle or maps[0] is model.get_layer(middle).output
        assert maps[1] is model.get_layer("top_act").output


def test_anchors_cover_each_cell_in_the_order_of_the_outputs() -> None:
    record = DetectorRecord(((2, 3, ((0.5, 0.25), (0.1, 0.1))), (1, 1, ((1.0, 1.0),))))
    anchors = record.anchors()
    assert anchors.shape == (13, 4) and anchors.dtype == np.float32 and record.count == 13
    assert np.allclose(anchors[:4], [[0.25, 1 / 6, 0.5, 0.25], [0.25, 1 / 6, 0.1, 0.1],
                                     [0.25, 0.5, 0.5, 0.25], [0.25, 0.5, 0.1, 0.1]])  # fmt: skip
    assert np.allclose(anchors[6], [0.75, 1 / 6, 0.5, 0.25]) and np.allclose(anchors[12], [0.5, 0.5, 1, 1])


def test_a_head_for_other_classes_keeps_all_else() -> None:
    model, _ = build_model("mobilenet_v2_ssd", input_size=96, classes=5)
    other = box_heads.with_classes(model, 2)
    assert other.output_shape[1][1:] == (model.output_shape[1][1], 2) and other.output_shape[0] == model.output_shape[0]
    image = np.random.default_rng(0).normal(size=(1, 96, 96, 3)).astype(np.float32)
    assert np.array_equal(model(image)[0], other(image)[0])
    again = box_heads.with_classes(other, 7)
    assert again.output_shape[1][2] == 7 and box_heads.is_detector(again)


def test_contract_and_file_keep_the_anchors(tmp_path: object) -> None:
    path = f"{tmp_path}/d.keras"
    model, contract = build_model("mobilenet_v2_ssd", input_size=96, classes=2, width=0.5)
    keras_file.save(model, contract, path)
    loaded, found = keras_file.load(path, trust=None)
    assert found == contract and Contract.from_dict(json.loads(contract.to_json())) == contract
    assert DetectorRecord.read(found).count == loaded.outputs[0].shape[1]


@pytest.mark.parametrize(
    "damage", [None, {}, {"levels": 3}, {"levels": []}, {"levels": [[1 << 20, 1 << 20, [[1, 1]]]]}]
)
def test_damaged_anchors_are_one_sentence(damage: object) -> None:
    _, contract = build_model("mobilenet_v2_ssd", input_size=96, classes=2)
    with pytest.raises(ModelFileError, match=r"[Cc]ontract"):
        DetectorRecord.read(dataclasses.replace(contract, extra={"detection": damage}))


def test_what_makes_no_detector_is_refused() -> None:
    with pytest.raises(UsageError, match=r"There is no model 'mobilenet_v9'"):
        build_model("mobilenet_v9_ssd")
    with pytest.raises(UsageError, match=r"feature maps of the strides .* a detector needs one of stride 8"):
        as_detector(*build_model(next(name for name in catalog.names() if name.startswith("vit"))))
    with pytest.raises(SettingError, match="classes is 1"):
        build_model("mobilenet_v2", classes=1)


def test_anchors_are_fitted_to_boxes(tmp_path: Path) -> None:
    """Wide boxes of three sizes: anchors come to overlap them far more than SSD's do."""
    random = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((400, 400, 3), np.uint8))
    lines = ["path,label,xmin,ymin,xmax,ymax"]
    means_px = np.array([(20, 80), (60, 200), (25, 30)])
    sizes = np.concatenate([random.normal(mean, mean / 20, (40, 2)) for mean in means_px])
    lines += [f"a.png,car,1,{1 + row},{1 + width},{1 + row + height}" for row, (height, width) in enumerate(sizes)]
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    _, plain = build_model("mobilenet_v2_ssd", input_size=96, classes=1, width=0.35)
    _, fitted = build_model(
        "mobilenet_v2_ssd", input_size=96, classes=1, width=0.35, anchors_from=str(tmp_path / "boxes.csv")
    )
    means = []
    for contract in (plain, fitted):
        record = DetectorRecord.read(contract)
        own = np.array([size for _, _, level in record.levels for size in level])
        means.append(overlap(sizes / 400, own).max(axis=1).mean())
    assert DetectorRecord.read(plain).count == DetectorRecord.read(fitted).count
    assert means[0] < 0.5 and means[1] > 0.75, "also of objects that augmentation makes smaller and larger"
    with pytest.raises(SettingError, match="anchors_from is for detectors"):
        build_model("mobilenet_v2", input_size=32, anchors_from=str(tmp_path / "boxes.csv"))


def test_inputs_that_are_not_square() -> None:
    """Anchors come from the maps' true sizes; square ones are squares of pixels, shares of the shorter side."""
    model, contract = build_model("mobilenet_v2_ssd", input_size=96, input_width=160, classes=1, width=0.35)
    assert contract.preprocessing.shape == (96, 160, 3) and contract.model.arguments["input_width"] == 160
    record = DetectorRecord.read(contract)
    assert [level[:2] for level in record.levels][:3] == [(6, 10), (3, 5), (2, 3)]
    assert record.count == model.output_shape[0][1]
    (tall, wide), *_ = record.levels[1][2]
    assert abs(tall * 96 - wide * 160) < 0.01 and abs(tall - 0.35) < 1e-6
    centers = record.anchors()[:, :2]
    assert np.allclose(centers[0], [0.5 / 6, 0.5 / 10])
    with pytest.raises(SettingError, match="input_width is for detectors"):
        build_model("mobilenet_v2", input_size=32, input_width=64)


def test_k_means_finds_clusters() -> None:
    random = np.random.default_rng(1)
    centers = np.array([(0.1, 0.1), (0.1, 0.4), (0.5, 0.3)])
    sizes = np.concatenate([random.normal(center, center / 30, (50, 2)) for center in centers])
    assert np.allclose(k_means(sizes, 3, random), centers, rtol=0.03)


@pytest.mark.parametrize("size", [40, 65, 66, 96])
def test_no_map_is_lost_at_odd_sizes(size: int) -> None:
    """A map of 3 cells of 65 pixels has the stride 32, not 16."""
    for name in ("mobilenet_v2_ssd", "efficientnet_lite0_ssd"):
        model, contract = build_model(name, input_size=size, classes=2)
        assert model.count_params() == build_model(name, input_size=128, classes=2)[0].count_params()
        levels = DetectorRecord.read(contract).levels
        assert [level[0] for level in levels] == sorted((level[0] for level in levels), reverse=True)


def test_an_input_of_too_few_cells_is_refused() -> None:
    with pytest.raises(UsageError, match=r"1 feature map of stride 16 or more at 32 x 32 pixels.*larger --input-size"):
        build_model("mobilenet_v2_ssd", input_size=32, classes=2)
