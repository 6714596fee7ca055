"""Clusters: how many values, what gzip makes of them after int8 conversion."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest

from edgecnn import artifact
from edgecnn.builder import build_model
from edgecnn.compression.clustering import Clustering
from edgecnn.compression.codebook import Codebook, codebooks, entropy_bits, relative
from edgecnn.compression.job import Job
from edgecnn.compression.methods import clusters
from edgecnn.compression.methods.clusters import Options
from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import UsageError
from edgecnn.quantization import Calibration, quantize

RNG = np.random.default_rng(0)


def test_entropy_is_shannons() -> None:
    assert entropy_bits(np.array([0, 1, 2, 3])) == 2
    assert entropy_bits(np.array([0, 0, 0, 1])) == pytest.approx(0.8112781)


def test_each_weight_belongs_to_the_nearest_cluster() -> None:
    weights = np.clip(RNG.normal(0, 0.25, 2_000), -1, 1)
    book = Codebook.even(3)
    assert len(book.values) == 7 and 0 in book.values and book.values[-1] == -book.values[0] == 1
    nearest = np.abs(weights[:, None] - book.values).argmin(axis=1)
    np.testing.assert_array_equal(book.members(weights), nearest)


@pytest.mark.parametrize("bits", [1.5, 2.3, 2.8])
def test_entropy_goes_where_the_loss_needs_it(bits: float) -> None:
    kernels = {name: kernel() for name in ("calm", "steep", "calm too")}
    curvatures = {name: np.full((1, 1, 64, 32), 100.0 if name == "steep" else 1.0) for name in kernels}
    books = codebooks(kernels, curvatures, 16, bits)
    assert max(len(book.values) for book in books.values()) <= 15
    assert len(books["steep"].values) > len(books["calm"].values)
    needed = [entropy_bits(books[name].members(relative(kernels[name].numpy()))) for name in kernels]
    assert bits - 0.6 < np.mean(needed) <= bits


def kernel() -> Any:
    return tf.Variable(RNG.normal(size=(1, 1, 64, 32)) * RNG.uniform(0.1, 2, 32), dtype=tf.float32)


def clustering(variable: Any, levels: int = 4) -> Clustering:
    return Clustering({"kernel": variable}, {"kernel": Codebook.even(levels)})


def test_channels_share_the_clusters_relative_to_their_largest() -> None:
    variable = kernel()
    before = variable.numpy()
    clustering(variable)
    shares = variable.numpy() / np.abs(before).max(axis=(0, 1, 2))
    assert len(np.unique(np.round(shares, 4))) <= 9
    integers = np.rint(variable.numpy() / np.abs(variable.numpy()).max(axis=(0, 1, 2)) * 127)
    assert len(np.unique(integers)) <= 9  # what the int8 file holds
    assert np.corrcoef(variable.numpy().ravel(), before.ravel())[0, 1] > 0.92


def test_a_weight_crosses_over_to_another_cluster_when_many_small_steps_push_it() -> None:
    variable = kernel()
    callback = clustering(variable)
    start = variable.numpy()
    push = np.zeros(start.shape, np.float32)
    push[0, 0, 5, 7] = 0.02
    shown = []
    for step in range(100):
        variable.assign_add(push)
        callback.on_train_batch_end(step)
        shown.append(variable.numpy()[0, 0, 5, 7])
    # Each step is far too small to be seen in the rounded kernel, but they add up behind it.
    assert abs(shown[0] - start[0, 0, 5, 7]) < 0.03 and shown[-1] > start[0, 0, 5, 7] + 0.5
    assert len(np.unique(np.round(shown, 2))) < 30


def test_pruned_weights_stay_zero() -> None:
    variable = kernel()
    variable.assign(tf.where(tf.abs(variable) < 0.5, 0.0, variable))
    zeros = variable.numpy() == 0
    callback = clustering(variable)
    variable.assign_add(tf.ones(variable.shape) * 0.2)
    callback.on_train_batch_end(0)
    assert (variable.numpy()[zeros] == 0).all() and zeros.mean() > 0.3


def test_the_int8_file_compresses(tmp_path: Any) -> None:
    model, contract = build_model("mobilenet_v1", input_size=32, width=0.25, classes=3)

    def train(model: Any, callbacks: Any = ()) -> Any:
        callbacks[0].on_train_batch_end(0)
        return model

    pictures = tf.random.stateless_normal((8, 32, 32, 3), seed=(0, 0))
    outcome = clusters.compress(Job(model, contract, [(pictures, np.arange(8) % 3)], train, 1), Options())
    sizes = []
    for number, each in enumerate((model, outcome.model)):
        file = quantize(
            (each, contract), tmp_path / f"{number}.tflite", calibration=Calibration("photos", 4, improve="none")
        )
        sizes.append(len(gzip.compress(artifact.graph_bytes(file), 9)))
    assert sizes[1] < 0.55 * sizes[0]  # a small model: names, scales and biases weigh more than in a large one
    assert outcome.account["entropy_bits"] <= 1.8


def test_wrong_options_are_refused() -> None:
    with pytest.raises(UsageError, match="clusters is 2; expected a whole number from 3 to 255"):
        Options(clusters=2)
    with pytest.raises(UsageError, match=r"bits is 0.1; expected a number from 0.5 to 8"):
        Options(bits=0.1)
