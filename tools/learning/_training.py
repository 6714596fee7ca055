"""Small networks trained on Fashion-MNIST or CIFAR-10, for what the pages show by training."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.data import open_data


@functools.cache
def fashion(part: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images of "train" or "test": float32 -0.5..0.5 (count, 28, 28, 1), and class numbers (count,)."""
    data = open_data(f"fashion-mnist/{part}")
    examples = data.examples[:count]
    images = np.stack([example.read()[:, :, :1] for example in examples])
    labels = np.array([data.classes.index(example.label or "") for example in examples])
    return images.astype(np.float32) / 255 - 0.5, labels


@functools.cache
def cifar(part: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of "train" or "test" of EDGECNN_SHARED/data/cifar10, as many of each class: float32 -0.5..0.5
    (count, 32, 32, 3) in random order, and class numbers (count,)."""
    data = open_data(str(Path(os.environ["EDGECNN_SHARED"]) / "data" / "cifar10" / part)).sample(count)
    images = np.stack([example.read() for example in data.examples])
    labels = np.array([data.classes.index(example.label or "") for example in data.examples])
    order = np.random.default_rng(0).permutation(count)
    return images[order].astype(np.float32) / 255 - 0.5, labels[order]


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Mean over the batch."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def train(model: Any, images: np.ndarray, labels: np.ndarray, steps: int, seed: int = 0) -> list[float]:
    """Adam at 1e-3 on random batches of 64; the loss of every step."""
    optimizer, order = keras.optimizers.legacy.Adam(1e-3), np.random.default_rng(seed)

    @tf.function
    def step(batch: Any, truth: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = cross_entropy(truth, model(batch, training=True))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    losses = []
    for _ in range(steps):
        chosen = order.integers(0, len(images), 64)
        losses.append(float(step(images[chosen], labels[chosen])))
    return losses


def accuracy_percent(model: Any, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images whose class has the highest score."""
    scores = model.predict(images, batch_size=256, verbose=0)
    return float(100 * (scores.argmax(axis=1) == labels).mean())
