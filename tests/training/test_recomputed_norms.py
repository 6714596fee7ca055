"""Batch norms that are computed again: the same outputs, gradients and statistics, and nothing changed behind."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.training.recomputed_norms import recomputed

layers = keras.layers


def network() -> Any:
    """Batch norms before convolutions of each kind, and such as must stay: one with two readers, a frozen one."""
    x = inputs = keras.Input((12, 12, 3))
    x = layers.BatchNormalization(name="first")(layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, use_bias=False)(layers.ReLU(6.0)(x))
    x = layers.Activation("swish")(layers.BatchNormalization(name="second", momentum=0.9)(x))
    x = layers.BatchNormalization(name="frozen", trainable=False)(layers.Conv2D(8, 1, use_bias=False)(x))
    x = layers.BatchNormalization(name="shared")(layers.Conv2D(8, 1, use_bias=False)(layers.ReLU()(x)))
    shared = layers.ReLU()(x)
    x = layers.Add()([layers.Conv2D(8, 1)(shared), shared])
    x = layers.BatchNormalization(name="unscaled", scale=False)(x)
    return keras.Model(inputs, layers.Conv2D(4, 3)(layers.ReLU()(x)))


def test_it_computes_the_same_and_is_gone_afterwards() -> None:
    keras.utils.set_random_seed(0)
    random, model = np.random.default_rng(0), network()
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    for layer in norms:
        layer.set_weights([random.uniform(0.5, 2, value.shape) for value in layer.get_weights()])
    images, variables = tf.constant(random.normal(0, 1, (4, 12, 12, 3)), tf.float32), model.trainable_variables
    start = model.get_weights()

    def step() -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            outputs = model(images, training=True)
            loss = tf.reduce_sum(outputs**3)
        return [outputs, *tape.gradient(loss, variables)]

    def computed(function: Any) -> list[np.ndarray]:
        model.set_weights(start)
        return [*(values.numpy() for values in function()), *(each for norm in norms for each in norm.get_weights())]

    def kinds(function: Any) -> list[str]:
        return [each.type for each in function.get_concrete_function().graph.get_operations()]

    plain, lean = tf.function(step), tf.function(step)
    before = computed(plain)
    with recomputed(model):
        after = computed(lean)
    assert len(before) == len(after)
    for expected, found in zip(before, after):
        assert np.abs(expected - found).max() <= 1e-4 * np.abs(expected).max()
    assert kinds(plain).count("FusedBatchNormV3") == kinds(lean).count("FusedBatchNormV3")
    assert kinds(plain).count("Relu6") + 1 == kinds(lean).count("Relu6")  # computed again for the gradients
    again = tf.function(step)
    assert kinds(again) == kinds(plain)
