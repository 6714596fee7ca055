"""Frozen batch norms in the convolutions before them: the same outputs and gradients, and nothing changed behind."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.training.frozen_norms import folded

layers = keras.layers


def network() -> Any:
    """Convolutions of each kind, one with two readers, one whose batch norm learns."""
    x = inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="plain")(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(name="plain_bn")(x))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(scale=False, name="depthwise_bn")(x)
    shared = layers.Conv2D(8, 1, use_bias=False, name="shared")(x)
    x = layers.Add()([layers.BatchNormalization(name="shared_bn")(shared), shared])
    x = layers.BatchNormalization(name="learning_bn")(layers.Conv2D(4, 1, use_bias=False, name="learning")(x))
    return keras.Model(inputs, x)


def test_it_computes_the_same_and_is_gone_afterwards() -> None:
    keras.utils.set_random_seed(0)
    random, model = np.random.default_rng(0), network()
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 2, value.shape) for value in layer.get_weights()])
            layer.trainable = layer.name == "learning_bn"
    images, variables = tf.constant(random.normal(0, 1, (2, 12, 12, 3)), tf.float32), model.trainable_variables

    def step() -> Any:
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = tf.reduce_sum(outputs**3)
        return [outputs, *tape.gradient(loss, variables)]

    def kinds(function: Any) -> list[str]:
        return [each.type for each in function.get_concrete_function().graph.get_operations()]

    plain, fast = tf.function(step), tf.function(step)
    before = [values.numpy() for values in plain()]
    with folded(model):
        after = [values.numpy() for values in fast()]
    for expected, found in zip(before, after):
        assert np.abs(expected - found).max() <= 1e-4 * np.abs(expected).max()
    norms = [sum("FusedBatchNorm" in kind and "Grad" not in kind for kind in kinds(each)) for each in (plain, fast)]
    assert norms == [4, 2]  # left are the one that learns, and the one whose convolution is read by others too
    again = tf.function(step)
    assert kinds(again) == kinds(plain)
