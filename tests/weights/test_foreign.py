"""Weights of timm and torchvision: which published model they are, what the contract gets, and clear errors."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import seeded_weights
import torch_files

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import EdgecnnError, UsageError, WeightsError
from edgecnn.float_model import keras_file
from edgecnn.models import variants
from edgecnn.weights import foreign, published

RECORDED = Path(__file__).with_name("recorded")
SMALL = "mobilenet_v3_small"
TAG = "timm:mobilenetv3_small_075.lamb_in1k"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    """The weights of timm's mobilenetv3_small_075 with 10 classes."""
    content = json.loads(gzip.decompress((RECORDED / "timm_mobilenetv3_small_075.json.gz").read_bytes()))
    return seeded_weights.weights(content["shapes"], seeded_weights.SEED, content["norms"])


def build(path: Path, **options: Any) -> Any:
    return build_model(SMALL, **{"width": 0.75, "input_size": 32, "weights": str(path), **options})


def test_the_contract_has_the_published_preprocessing_and_the_provenance(
    tmp_path: Path, state: dict[str, np.ndarray]
) -> None:
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", state)
    model, contract = build(path, weights_of=TAG, input_size=None)
    row = published.named(TAG)
    assert contract.preprocessing.shape == (row.input_size, row.input_size, 3) == model.input_shape[1:]
    np.testing.assert_allclose(contract.preprocessing.mean, [123.675, 116.28, 103.53])
    np.testing.assert_allclose(contract.preprocessing.std, [58.395, 57.12, 57.375])
    assert contract.preprocessing.crop == row.crop and model.output_shape == (None, 10)
    assert contract.model.arguments["build"] == row.arguments and row.arguments["style"]["symmetric"] is True
    assert contract.model.license == "apache-2.0" and contract.labels == ()  # ten classes are not ImageNet's
    found = contract.provenance.weights.to_dict()
    assert found["published"] == TAG and found["table"].startswith("timm 1.") and len(found["sha256"]) == 64


def test_all_formats_give_the_same_logits(tmp_path: Path, state: dict[str, np.ndarray]) -> None:
    paths = [
        torch_files.write_safetensors(tmp_path / "a.safetensors", state),
        torch_files.write_zip(tmp_path / "a.pth", {"state_dict": torch_files.tensors(state), "epoch": 1}),
        torch_files.write_shards(tmp_path, state, count=3),
    ]
    image = seeded_weights.images(32, 1)
    logits = [build(path, weights_of=TAG)[0](image).numpy() for path in paths]
    np.testing.assert_array_equal(logits[0], logits[1])
    np.testing.assert_array_equal(logits[0], logits[2])


def test_a_saved_model_remembers_what_it_was_built_with(tmp_path: Path, state: dict[str, np.ndarray]) -> None:
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", state)
    model, contract = build(path, weights_of=TAG)
    keras_file.save(model, contract, tmp_path / "m.keras")
    again, kept = build(tmp_path / "m.keras")
    image = seeded_weights.images(32, 1)
    np.testing.assert_array_equal(again(image), model(image))
    assert kept.preprocessing == contract.preprocessing and kept.model.arguments == contract.model.arguments
    arguments = {**contract.model.arguments, "build": {"x": 1}}
    other = contract.replace(model=dataclasses.replace(contract.model, arguments=arguments))
    keras_file.save(model, other, tmp_path / "evil.keras")
    with pytest.raises(WeightsError, match=r"was built with \{'x': 1\}, which does not fit"):
        build(tmp_path / "evil.keras")


def test_a_head_of_other_classes_stays_random_where_classes_are_given(
    tmp_path: Path, state: dict[str, np.ndarray]
) -> None:
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", state)
    assert build(path, weights_of=TAG, classes=3)[0].output_shape == (None, 3)
    headless = {key: array for key, array in state.items() if not key.startswith("classifier")}
    path = torch_files.write_safetensors(tmp_path / "b.safetensors", headless)
    with pytest.raises(WeightsError, match=r"no classification layer.*--classes N"):
        build(path, weights_of=TAG)
    assert build(path, weights_of=TAG, classes=3)[0].output_shape == (None, 3)


def test_gray_models_sum_the_colors(tmp_path: Path, state: dict[str, np.ndarray]) -> None:
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", state)
    model, _ = build(path, weights_of=TAG, color="gray")
    kernel = model.get_layer("stem_conv").get_weights()[0]
    np.testing.assert_allclose(kernel[:, :, 0], state["conv_stem.weight"].sum(1).transpose(1, 2, 0), rtol=1e-6)


def test_one_error_lists_missing_surplus_and_mis_shaped_keys(tmp_path: Path, state: dict[str, np.ndarray]) -> None:
    wrong = dict(state)
    for key in [key for key in state if key.startswith(("blocks.3.0.bn", "blocks.4.1.bn"))]:
        del wrong[key]
    wrong["conv_stem.weight"] = wrong["conv_stem.weight"][:, :2].copy()
    wrong["ema.decay"] = np.zeros(1, np.float32)
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", wrong)
    with pytest.raises(WeightsError) as caught:
        build(path, weights_of=TAG)
    message = str(caught.value)
    assert "24 missing (blocks.3.0.bn1.weight, blocks.3.0.bn1.bias, " in message and " and 19 more)" in message
    assert "1 of another shape (conv_stem.weight [16, 2, 3, 3] instead of [3, 3, 3, 16])" in message
    assert "1 surplus (ema.decay)" in message and len(message) < 1500


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"weights_of": "timm:resnet18.a1_in1k"},
            r"which is resnet18 in edgecnn, but mobilenet_v3_small was requested",
        ),
        ({"weights_of": TAG, "width": 1.0}, r"which has width 0\.75\. Add --width 0\.75"),
        ({"weights_of": "timm:resnet18.nonsense"}, r"resnet18 has the tags a1_in1k"),
        ({"weights_of": "nonsense"}, "is not a model of timm or torchvision that edgecnn has"),
    ],
)
def test_wrong_models_are_refused(
    tmp_path: Path, state: dict[str, np.ndarray], options: dict[str, Any], message: str
) -> None:
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", state)
    with pytest.raises((WeightsError, UsageError), match=message):
        build(path, **options)


def test_weights_of_without_a_file_of_pytorch_is_refused() -> None:
    with pytest.raises(UsageError, match="names the published model of a PyTorch file"):
        build_model(SMALL, weights_of=TAG)


# Which published model a file is.


def tiny(tmp_path: Path, name: str, config: Any = None) -> Path:
    """A file with a few keys of torchvision's and timm's ResNets."""
    arrays = {f"layer1.0.{part}.weight": np.zeros(1, np.float32) for part in ("conv1", "bn1")}
    path = torch_files.write_safetensors(tmp_path / name, arrays | {"fc.weight": np.zeros((5, 2), np.float32)})
    if config is not None:
        (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return path


def opened(path: Path, name: str = "resnet18") -> foreign.Foreign:
    return foreign.open_weights(str(path), name, 1.0, None)


def test_the_configuration_beside_the_file_decides(tmp_path: Path) -> None:
    config = {
        "architecture": "resnet18",
        "num_classes": 5,
        "pretrained_cfg": {
            "tag": "mine",
            "mean": [0.1, 0.2, 0.3],
            "std": [1, 1, 1],
            "crop_pct": 0.8,
            "crop_mode": "squash",
            "input_size": [3, 128, 128],
        },
    }
    found = opened(tiny(tmp_path, "model.safetensors", config))
    assert (found.row.mean, found.row.crop, found.row.fit, found.row.input_size) == (
        (0.1, 0.2, 0.3),
        0.8,
        "stretch",
        128,
    )
    assert found.classes == 5 and not found.is_published


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18-f37072fd.pth.safetensors", None),
        ("resnet18.a2_in1k.safetensors", "timm:resnet18.a2_in1k"),
    ],
)
def test_the_name_of_the_file_decides(tmp_path: Path, name: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(WeightsError, match=r"Add --weights-of with one of timm:resnet18"):
            opened(tiny(tmp_path, name))
    else:
        found = opened(tiny(tmp_path, name))
        assert str(found.row) == expected and found.is_published


def test_the_published_files_name_decides(tmp_path: Path) -> None:
    path = torch_files.write_zip(
        tmp_path / "resnet18-f37072fd.pth", torch_files.tensors({"fc.weight": np.zeros((1000, 2), np.float32)})
    )
    found = opened(path)
    assert str(found.row) == "torchvision:resnet18.IMAGENET1K_V1" and found.is_imagenet and found.row.top1 == 69.758


def test_the_only_one_that_fits_needs_no_name(tmp_path: Path) -> None:
    arrays = {"features.0.weight": np.zeros(1, np.float32), "classifier.6.weight": np.zeros((7, 2), np.float32)}
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", arrays)
    found = opened(path, "alexnet_one_tower")
    assert found.row.model == "alexnet" and not found.is_published
    with pytest.raises(WeightsError, match="neither timm nor torchvision has weights for this model"):
        opened(path, "alexnet")


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[" * 100_000,
        {"architecture": "resnet18", "pretrained_cfg": 7},
        {"architecture": "resnet18", "pretrained_cfg": {"mean": [1, 2]}},
        {"architecture": "resnet18", "pretrained_cfg": {"mean": "abc"}},
        {"architecture": "resnet18", "pretrained_cfg": {"std": [1, 1, "NaN"]}},
        {"architecture": "resnet18", "pretrained_cfg": {"std": [0, 0, 0]}},
        {"architecture": "resnet18", "pretrained_cfg": {"crop_pct": -1}},
        {"architecture": "resnet18", "pretrained_cfg": {"crop_pct": [[]]}},
        {"architecture": "resnet18", "pretrained_cfg": {"crop_mode": "twist"}},
        {"architecture": "resnet18", "pretrained_cfg": {"input_size": [3]}},
        {"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 0, 0]}},
        {"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 1 << 40, 1]}},
        {"architecture": "unheard_of"},
    ],
)
def test_damaged_configurations_are_clear_errors(tmp_path: Path, config: Any) -> None:
    path = tiny(tmp_path, "model.safetensors", config)
    with pytest.raises(EdgecnnError):
        build_model("resnet18", weights=str(path))


def test_rows_are_of_our_variants_and_their_files_are_unambiguous() -> None:
    rows = published.table()
    assert {row.variant for row in rows} <= set(variants())
    files = [(row.library, row.file) for row in rows if row.file]
    for key in {key for key in files if files.count(key) > 1}:  # under two tags, but the same weights
        assert len({row.setup for row in rows if (row.library, row.file) == key}) == 1, key
    assert all(row.fit in ("crop", "stretch", "pad") and 0 < row.crop <= 1 for row in rows)
