"""Clusters: how many values, what gzip makes of them after int8 conversion."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest

from edgecnn import artifact
from edgecnn._tensorflow import tf
from edgecnn.compress import clusters
from edgecnn.compress._job import Job
from edgecnn.compress.clusters import Clustering, Codebook, Options, entropy_bits
from edgecnn.errors import UsageError
from edgecnn.models import build_model
from edgecnn.quantize import Calibration, quantize

RNG = np.random.default_rng(0)


def test_entropy_is_shannons() -> None:
    assert entropy_bits(np.array([0, 1, 2, 3])) == 2
    assert entropy_bits(np.array([0, 0, 0, 1])) == pytest.approx(0.8112781)


@pytest.mark.parametrize("bits", [1.5, 2.3, 3.0])
def test_as_many_clusters_as_the_entropy_allows(bits: float) -> None:
    weights = np.clip(RNG.normal(0, 0.25, 20_000), -1, 1)
    book = Codebook.of(weights, Options(16, bits))
    assert len(book.values) <= 15 and 0 in book.values and book.values[-1] == -book.values[0] == 1
    assert bits - 0.6 < entropy_bits(book.members(weights)) <= bits
    nearest = np.abs(weights[:, None] - book.values).argmin(axis=1)
    np.testing.assert_array_equal(book.members(weights), nearest)


def kernel() -> Any:
    return tf.Variable(RNG.normal(size=(1, 1, 64, 32)) * RNG.uniform(0.1, 2, 32), dtype=tf.float32)


def test_channels_share_the_clusters_relative_to_their_largest() -> None:
    variable = kernel()
    before = variable.numpy()
    Clustering({"kernel": variable}, Options(16, 2.3))
    relative = variable.numpy() / np.abs(before).max(axis=(0, 1, 2))
    assert len(np.unique(np.round(relative, 4))) <= 16
    integers = np.rint(variable.numpy() / np.abs(variable.numpy()).max(axis=(0, 1, 2)) * 127)
    assert len(np.unique(integers)) <= 16  # what the int8 file holds
    assert np.corrcoef(variable.numpy().ravel(), before.ravel())[0, 1] > 0.92  # kernels of 64 normal weights: 7 levels


def test_a_weight_crosses_over_to_another_cluster_when_many_small_steps_push_it() -> None:
    variable = kernel()
    clustering = Clustering({"kernel": variable}, Options(16, 2.3))
    start = variable.numpy()
    push = np.zeros(start.shape, np.float32)
    push[0, 0, 5, 7] = 0.02
    shown = []
    for step in range(100):
        variable.assign_add(push)
        clustering.on_train_batch_end(step)
        shown.append(variable.numpy()[0, 0, 5, 7])
    # Each step is far too small to be seen in the rounded kernel, but they add up behind it.
    assert abs(shown[0] - start[0, 0, 5, 7]) < 0.03 and shown[-1] > start[0, 0, 5, 7] + 0.5
    assert len(np.unique(np.round(shown, 2))) < 30


def test_pruned_weights_stay_zero() -> None:
    variable = kernel()
    variable.assign(tf.where(tf.abs(variable) < 0.5, 0.0, variable))
    zeros = variable.numpy() == 0
    clustering = Clustering({"kernel": variable}, Options())
    variable.assign_add(tf.ones(variable.shape) * 0.2)
    clustering.on_train_batch_end(0)
    assert (variable.numpy()[zeros] == 0).all() and zeros.mean() > 0.3


def test_the_int8_file_compresses(tmp_path: Any) -> None:
    model, contract = build_model("mobilenet_v1", input_size=32, width=0.25, classes=3)

    def train(model: Any, callbacks: Any = ()) -> Any:
        callbacks[0].on_train_batch_end(0)
        return model

    outcome = clusters.compress(Job(model, contract, [], train, 1), Options())
    sizes = []
    for number, each in enumerate((model, outcome.model)):
        file = quantize(
            (each, contract), tmp_path / f"{number}.tflite", calibration=Calibration("photos", 4, improve="none")
        )
        sizes.append(len(gzip.compress(artifact.graph_bytes(file), 9)))
    assert sizes[1] < 0.55 * sizes[0]  # a small model: names, scales and biases weigh more than in a large one
    assert outcome.account["entropy_bits"] <= 2.4


def test_wrong_options_are_refused() -> None:
    with pytest.raises(UsageError, match="clusters is 2; expected 3 to 255"):
        Options(clusters=2)
    with pytest.raises(UsageError, match=r"bits is 0.1; expected 0.5 to 8"):
        Options(bits=0.1)
