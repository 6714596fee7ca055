"""What channel pruning removes, and how much."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.compression import channel_pruning
from edgecnn.compression.coupling import Coupling
from edgecnn.compression.importance import bn, l1, taylor
from edgecnn.compression.job import Job
from edgecnn.compression.methods import channels
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import UsageError
from edgecnn.graph import keras_macs
from edgecnn.runtime.model.contract import Contract, Preprocessing

RNG = np.random.default_rng(0)


def small() -> Any:
    """Two convolutions of 8 and 16 channels, and a dense layer."""
    picture = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, name="one")(picture)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm")(x))
    x = keras.layers.Conv2D(16, 1, name="two")(x)
    return keras.Model(picture, keras.layers.Dense(3, name="logits")(keras.layers.GlobalAveragePooling2D()(x)))


def batches(count: int = 2, size: int = 8) -> list[Any]:
    return [(tf.constant(RNG.normal(size=(4, size, size, 3)), tf.float32), RNG.integers(0, 3, 4)) for _ in range(count)]


def named(model: Any, importance: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
    coupling = Coupling.of(model)
    return {coupling.name(group): value for group, value in importance.items()}


def test_taylor_estimates_what_losing_a_channel_does_to_the_loss() -> None:
    model, data = small(), batches(1)
    estimated = named(model, taylor(model, Coupling.of(model), data))["two"]
    kernel, bias = model.get_layer("logits").get_weights()
    change = []
    for channel in range(16):
        # A hundredth of the channel's weights, where the first-order estimate must be nearly exact.
        less = kernel.copy()
        less[channel] *= 0.99
        change.append(_loss(model, data) - _loss(model, data, (less, bias)))
    np.testing.assert_allclose(np.sqrt(estimated), np.abs(change) * 100, rtol=0.1, atol=1e-4)


def _loss(model: Any, data: list[Any], weights: Any = None) -> float:
    before = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights(weights or before)
    (pictures, classes), loss = data[0], keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    value = float(loss(classes, tf.cast(model(pictures), tf.float64)))
    model.get_layer("logits").set_weights(before)
    return value


def test_weights_alone_rank_the_planted_weakest_channel_last() -> None:
    model = small()
    kernel, bias = model.get_layer("one").get_weights()
    kernel[..., 5] = 0.001
    model.get_layer("one").set_weights([kernel, bias])
    gamma = np.ones(8, np.float32)
    gamma[2] = 0.001
    model.get_layer("norm").set_weights([gamma, *model.get_layer("norm").get_weights()[1:]])
    coupling = Coupling.of(model)
    assert named(model, l1(model, coupling, ()))["one"].argmin() == 5
    assert named(model, bn(model, coupling, ()))["one"].argmin() == 2
    assert named(model, bn(model, coupling, ()))["two"].std() > 0  # no batch norm there: by l1


def job(model: Any, size: int = 64, count: int = 2) -> Job:
    def leave(model: Any, callbacks: Any = ()) -> Any:
        return model

    contract = Contract(Preprocessing(size, size))
    return Job(model, contract, batches(count, size), leave, 0)


@pytest.mark.parametrize("criterion", ["taylor", "bn", "l1"])
def test_half_the_macs_in_multiples_of_eight(criterion: str) -> None:
    model, _ = build_model("mobilenet_v2", input_size=64, width=0.5, classes=3)
    before = model.get_weights()
    outcome = channels.compress(job(model), channels.Options(keep=0.5, criterion=criterion, rounds=2))
    share = keras_macs.total(outcome.model) / keras_macs.total(model)
    assert 0.42 < share <= 0.5
    assert outcome.account["macs"] == {"before": keras_macs.total(model), "after": keras_macs.total(outcome.model)}
    assert outcome.account["channels"]
    for old, new in outcome.account["channels"].values():
        assert new % 8 == 0 and old / 4 <= new < old
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights()))  # the given model stays
    assert outcome.model.predict(np.zeros((1, 64, 64, 3)), verbose=0).shape == (1, 3)


def test_latency_is_measured_here() -> None:
    model, _ = build_model("mobilenet_v2", input_size=64, width=0.35, classes=3)
    outcome = channels.compress(job(model), channels.Options(keep=0.8, cost="latency", criterion="l1", rounds=1))
    assert outcome.account["cost"] == "latency" and keras_macs.total(outcome.model) < keras_macs.total(model)


def test_cuts_go_where_they_save_time_and_are_the_same_after_an_interruption(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model, _ = build_model("mobilenet_v2", input_size=64, width=0.35, classes=3)
    times = dict.fromkeys(keras_macs.per_layer(model), 0.01) | {"block13_expand_conv": 100.0}
    assert set(times) == set(keras_macs.per_layer(model))
    monkeypatch.setattr(channel_pruning, "measured_ms", lambda model, progress: times)
    options = channels.Options(keep=0.7, cost="latency", criterion="l1", rounds=1)
    first = channels.compress(dataclasses.replace(job(model), folder=tmp_path), options)
    # Its time depends on the channels that come in and go out; all others are cut for nothing.
    touched = {"block13_expand_conv", "block13_depthwise_conv"}
    assert touched <= set(first.account["channels"])

    monkeypatch.setattr(channel_pruning, "measured_ms", lambda model, progress: dict.fromkeys(times, 1.0))
    again = channels.compress(dataclasses.replace(job(model), folder=tmp_path), options)
    assert again.account["channels"] == first.account["channels"]
    assert channels.compress(job(model), options).account["channels"] != first.account["channels"]


def test_size_counts_weights() -> None:
    model, _ = build_model("mobilenet_v2", input_size=64, width=0.35, classes=3)
    sizes = {}
    for cost in ("macs", "size"):
        options = channels.Options(keep=0.6, cost=cost, criterion="l1", rounds=1)
        sizes[cost] = channels.compress(job(model), options).model.count_params()
    # The last layers have most of the weights and few of the MACs.
    assert sizes["size"] < 0.65 * model.count_params() and sizes["size"] < sizes["macs"]


def test_what_cannot_be_done_is_refused() -> None:
    model = small()
    with pytest.raises(UsageError, match=r"keep is 0.1, but .* can reduce the macs only to a share of 1.00"):
        channels.compress(job(model, 8), channels.Options(keep=0.1, floor=0.9))
    with pytest.raises(UsageError, match=r"keep is 1.5; expected a number above 0 and below 1"):
        channels.Options(keep=1.5)
    with pytest.raises(UsageError, match=r"criterion is 'l3'; expected one of: l1, bn, taylor"):
        channels.Options(criterion="l3")
    plain = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(UsageError, match=r"No channels of .* can be removed"):
        channels.compress(job(plain, 8), channels.Options())
