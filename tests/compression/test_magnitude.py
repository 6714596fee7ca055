"""Zeros: how many, where, when; and the layout of XNNPACK's sparse kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.compression import xnnpack
from edgecnn.compression.job import Job
from edgecnn.compression.methods import magnitude
from edgecnn.compression.zeros import Zeroing, layerwise, share_of_zeros, uniform
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import UsageError
from edgecnn.quantization import quantize
from edgecnn.runtime.model.contract import Contract, Preprocessing

RNG = np.random.default_rng(0)
STEPS = 10


def variables() -> dict[str, Any]:
    """A kernel of even weights, and one of few strong and many weak."""
    even = RNG.uniform(0.9, 1.1, (1, 1, 20, 10)) * RNG.choice([-1, 1], (1, 1, 20, 10))
    spread = np.where(RNG.uniform(size=(1, 1, 20, 10)) < 0.1, 1.0, 0.001)
    return {name: tf.Variable(value, dtype=tf.float32) for name, value in (("even", even), ("spread", spread))}


def test_the_smallest_weights_of_each_kernel_go() -> None:
    kernels = variables()
    before = {name: kernel.numpy() for name, kernel in kernels.items()}
    zeroing = Zeroing(kernels, uniform(kernels, 0.8), STEPS)
    zeroing.finish()
    for name, kernel in kernels.items():
        kept = kernel.numpy() != 0
        assert kept.sum() == 40
        assert np.abs(before[name][kept]).min() >= np.abs(before[name][~kept]).max()
        np.testing.assert_array_equal(kernel.numpy()[kept], before[name][kept])
    assert share_of_zeros(kernels) == pytest.approx(0.8)


def test_layers_that_compete_lose_where_the_weights_are_weak() -> None:
    kernels = variables()
    shares = layerwise(kernels, 0.5)
    assert np.mean(list(shares.values())) == pytest.approx(0.5, abs=0.01)
    assert shares["spread"] > 0.85 and shares["even"] < 0.15


def test_layers_that_compete_keep_their_least() -> None:
    kernels = variables()
    shares = layerwise(kernels, 0.5, least=0.3)
    assert np.mean(list(shares.values())) == pytest.approx(0.5, abs=0.01)
    assert shares["even"] == pytest.approx(0.3) and shares["spread"] == pytest.approx(0.7, abs=0.02)


def test_zeros_come_gradually_and_stay() -> None:
    kernels = variables()
    zeroing = Zeroing(kernels, uniform(kernels, 0.9), STEPS)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    zeroing.set_model(model)
    seen = []
    for step in range(STEPS):
        model.optimizer.iterations.assign(step + 1)
        for kernel in kernels.values():
            kernel.assign_add(tf.ones(kernel.shape) * 1e-5)  # a training step that would bring zeros back to life
        zeroing.on_train_batch_end(step)
        seen.append(share_of_zeros(kernels))
    assert seen == sorted(seen) and seen[-1] == pytest.approx(0.9)


def same(model: Any, callbacks: Any = ()) -> Any:
    return model


def job(model: Any, contract: Contract) -> Job:
    return Job(model, contract, [], same, STEPS)


def test_a_padded_stride_sees_what_same_padding_sees_one_pixel_on() -> None:
    model, _ = build_model("mobilenet_v2", input_size=33, width=0.35, classes=3)
    symmetric = xnnpack.symmetric(model)
    picture = RNG.normal(size=(1, 33, 33, 3)).astype(np.float32)
    # TensorFlow pads an odd size on both sides alike: there the two are the same network. 33 halves to 17, 9, 5, 3, 2.
    np.testing.assert_allclose(symmetric(picture), model(picture), atol=1e-5)
    assert "stem_conv_pad" in [layer.name for layer in symmetric.layers]


def test_an_even_picture_is_seen_one_pixel_early_by_the_first_convolution_only() -> None:
    model, _ = build_model("mobilenet_v2", input_size=32, width=0.35, classes=3)
    symmetric = xnnpack.symmetric(model)
    picture = RNG.normal(size=(1, 32, 32, 3)).astype(np.float32)
    picture[:, -1] = picture[:, :, -1] = 0
    moved = np.roll(picture, 1, axis=(1, 2))
    np.testing.assert_allclose(symmetric(picture), model(moved), atol=1e-5)
    sizes = {layer.name: layer.kernel_size for layer in symmetric.layers if isinstance(layer, keras.layers.Conv2D)}
    assert sizes["stem_conv"] == (3, 3)


def test_the_layout_for_xnnpack_becomes_a_sparse_file(tmp_path: Any) -> None:
    model, contract = build_model("mobilenet_v2", input_size=32, width=0.5, classes=3)
    outcome = magnitude.compress(job(model, contract), magnitude.Options(target="xnnpack"))
    names = outcome.account["layers"]
    assert len(names) == 34 and outcome.account["sparsity"] == pytest.approx(0.85, abs=0.002)  # 17 blocks and the top
    assert all(name.endswith(("expand_conv", "project_conv", "top_conv")) for name in names)
    dense = quantize((model, contract), tmp_path / "d.tflite", scheme="float32")
    sparse = quantize((outcome.model, contract), tmp_path / "s.tflite", scheme="float32_sparse")
    assert len(sparse.data) < 0.5 * len(dense.data)


def test_all_kernels_but_the_first_and_the_last() -> None:
    model, contract = build_model("mobilenet_v3_small", input_size=32, width=0.35, classes=3)
    outcome = magnitude.compress(job(model, contract), magnitude.Options(sparsity=0.5, scope="global"))
    assert outcome.account["sparsity"] == pytest.approx(0.5, abs=0.01)
    zeros = {layer.name: (layer.get_weights()[0] == 0).mean() for layer in outcome.model.layers if layer.get_weights()}
    assert zeros["stem_conv"] == zeros["logits"] == zeros["block3_depthwise_conv"] == 0 < zeros["features"]


def test_what_xnnpack_cannot_take_is_named() -> None:
    model, contract = build_model("mobilenet_v3_small", input_size=32, width=0.35, classes=3)
    with pytest.raises(
        UsageError, match=r"block0_se_pool \(GlobalAveragePooling2D\) can't be part of the chain .*: a squeeze-excite"
    ):
        magnitude.compress(job(model, contract), magnitude.Options(target="xnnpack"))


def test_gray_and_too_few_zeros_are_refused() -> None:
    model, contract = build_model("mobilenet_v1", input_size=32, width=0.25, classes=3, color="gray")
    with pytest.raises(
        UsageError, match=r"mobilenet_v1 starts with stem_conv \(Conv2D, 1 input channels\).*3 color channels"
    ):
        magnitude.compress(job(model, contract), magnitude.Options(target="xnnpack"))
    with pytest.raises(UsageError, match="expected at least 2/3"):
        magnitude.Options(sparsity=0.5, target="xnnpack")
    with pytest.raises(UsageError, match="expected one of: xnnpack"):
        magnitude.Options(target="gpu")
    tiny = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(UsageError, match="nothing can be pruned"):
        magnitude.compress(job(tiny, Contract(Preprocessing(4, 4))), magnitude.Options())
