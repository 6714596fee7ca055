"""Batch norms and activations that are computed again in the backward pass, instead of being kept for it.

Between two convolutions stand a batch norm and an activation. Of them all, the gradients need the first convolution's
output and the second's input, which is made of it in two cheap passes: only the former is kept. That is half of what a
step keeps of a network of convolutions, for a tenth more time.

Source: Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174, section 3 (cheap operators are computed again).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras, tf


@contextlib.contextmanager
def recomputed(model: Any) -> Iterator[None]:
    """Calls of the model inside, in training, compute the same and keep less."""
    found = [(each, each[1].call, each[2].call) for each in _between_convolutions(model)]
    with contextlib.ExitStack() as stack:
        for (norm, activation, layer), activate, convolve in found:
            stack.enter_context(keras_graph.called_as(norm, lambda inputs, training=None: inputs))
            stack.enter_context(keras_graph.called_as(activation, lambda inputs: inputs))
            stack.enter_context(keras_graph.called_as(layer, _joined(norm, activate, convolve)))
        yield


def _between_convolutions(model: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Batch norms that learn, their activations, and the convolutions that alone read these."""
    for layer in model.layers:
        if type(layer) not in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D) or len(layer.inbound_nodes) != 1:
            continue
        activation = keras_graph.maker(layer.input)
        if type(activation) not in (keras.layers.ReLU, keras.layers.Activation) or _is_shared(activation):
            continue
        norm = keras_graph.maker(activation.input)
        if _takes_plain_statistics(norm) and not _is_shared(norm):
            yield norm, activation, layer


def _is_shared(layer: Any) -> bool:
    return len(layer.inbound_nodes) != 1 or len(layer.outbound_nodes) != 1


def _takes_plain_statistics(layer: Any) -> bool:
    """Whether it is a batch norm over the images of this worker, with a factor and an offset for each channel."""
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.trainable and bool(layer.fused)
        and layer.gamma is not None and layer.beta is not None
    )  # fmt: skip


def _joined(norm: Any, activate: Callable[[Any], Any], convolve: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A call of the batch norm, the activation and the convolution after it."""

    def call(inputs: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def forward(inputs: Any) -> Any:
            outputs, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
                x=inputs, scale=norm.gamma, offset=norm.beta, mean=[], variance=[], epsilon=norm.epsilon,
                exponential_avg_factor=1.0, is_training=True,
            )  # fmt: skip

            def backward(gradient: Any, *_: Any, variables: Any = ()) -> Any:
                with tf.control_dependencies([gradient]):  # not before it is needed
                    again = tf.identity(inputs)
                factor = norm.gamma * tf.math.rsqrt(_of_all(variance, inputs) + norm.epsilon)
                others = [each for each in variables if each is not norm.gamma and each is not norm.beta]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    normed = again * factor + (norm.beta - mean * factor)
                    tape.watch([normed, *others])
                    found = convolve(activate(normed))
                of_norm, *of_others = tape.gradient(found, [normed, *others], gradient)
                of_inputs, of_gamma, of_beta, _, _ = tf.raw_ops.FusedBatchNormGradV3(
                    y_backprop=of_norm, x=again, scale=norm.gamma, reserve_space_1=reserved[0],
                    reserve_space_2=reserved[1], reserve_space_3=reserved[2], epsilon=norm.epsilon, is_training=True,
                )  # fmt: skip
                known = {id(norm.gamma): of_gamma, id(norm.beta): of_beta}
                known |= {id(each): value for each, value in zip(others, of_others)}
                return of_inputs, [known[id(each)] for each in variables]

            return (convolve(activate(outputs)), mean, variance), backward

        outputs, mean, variance = forward(inputs)
        for average, value in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
            average.assign_sub((average - value) * (1 - norm.momentum))
        return outputs

    return call


def _of_all(variance: Any, inputs: Any) -> Any:
    """The mean squared distance, of what the operator gives for an estimate: the sum over one less than the count."""
    count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
    return variance * (tf.maximum(count - 1, 1) / count)
