"""Keras layers of our own, for what no stock layer computes. Importing this file imports TensorFlow.

They are registered, so that a `.keras` file names them and `edgecnn.float_model.keras_file` knows them; they hold no
code from the file. Each is written in operations that TFLite has in int8. `mixing` says how positions depend on one
another, for `edgecnn.graph`: "point" (each on itself) or "attention" (each on all).
"""

from __future__ import annotations

from typing import Any

from edgecnn.core.compat.tensorflow import keras, tf

PACKAGE = "edgecnn"
_LARGEST_GUARD = 9.9e-4  # the converter takes a larger one for more than a guard, and doesn't find L2_NORMALIZATION


@keras.saving.register_keras_serializable(PACKAGE)
class HardSigmoid(keras.layers.Layer):  # type: ignore[misc]
    """relu6(x + 3) / 6 (MobileNetV3, arXiv:1905.02244, section 5.2). Keras 2's own "hard_sigmoid" is another line."""

    def call(self, inputs: Any) -> Any:
        """Element by element; any shape."""
        return tf.nn.relu6(inputs + 3.0) * (1.0 / 6.0)


@keras.saving.register_keras_serializable(PACKAGE)
class HardSwish(keras.layers.Layer):  # type: ignore[misc]
    """x * relu6(x + 3) / 6 (MobileNetV3, arXiv:1905.02244, section 5.2)."""

    def call(self, inputs: Any) -> Any:
        """Element by element; any shape."""
        return inputs * (tf.nn.relu6(inputs + 3.0) * (1.0 / 6.0))


@keras.saving.register_keras_serializable(PACKAGE)
class QuickGELU(keras.layers.Layer):  # type: ignore[misc]
    """x * sigmoid(1.702 x), at most 0.02 away from GELU (arXiv:1606.08415, section 2); the Edge TPU has its parts."""

    mixing = "point"

    def call(self, inputs: Any) -> Any:
        """Element by element; any shape."""
        return inputs * tf.sigmoid(inputs * 1.702)


@keras.saving.register_keras_serializable(PACKAGE)
class SquaredReLU(keras.layers.Layer):  # type: ignore[misc]
    """relu(x)^2 (arXiv:2109.08668, section 3)."""

    mixing = "point"

    def call(self, inputs: Any) -> Any:
        """Element by element; any shape. SQUARE has no int8 kernel, MUL has."""
        positive = tf.nn.relu(inputs)
        return positive * positive


@keras.saving.register_keras_serializable(PACKAGE)
class StarReLU(keras.layers.Layer):  # type: ignore[misc]
    """s * relu(x)^2 + b with one learned s and b for the whole tensor (arXiv:2210.13452, equation 5)."""

    mixing = "point"

    def build(self, input_shape: Any) -> None:
        """One scale, one shift."""
        self.scale = self.add_weight(name="scale", shape=(1,), initializer="ones")
        self.shift = self.add_weight(name="shift", shape=(1,), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Element by element; any shape."""
        positive = tf.nn.relu(inputs)
        return positive * positive * self.scale + self.shift


@keras.saving.register_keras_serializable(PACKAGE)
class LayerNorm(keras.layers.LayerNormalization):  # type: ignore[misc]
    """Layer normalization (arXiv:1607.06450) over channels, the last axis, in operations that quantize.

    Keras's own becomes MEAN, SQUARED_DIFFERENCE, RSQRT and more: 8 bits for a variance, whose range is the square of
    the activations', leave nothing of the small ones. Written as below, centered activations divided by their length,
    the converter finds L2_NORMALIZATION: one operator that keeps the sum of squares in 32 bits, in int8 too, on the
    Edge TPU too. Its output has the fixed scale 1/128; `gamma` and `sqrt(channels)` follow, or are folded into the
    next convolution. Epsilon is as in Keras, up to 9.9e-4 / channels.

    What int8 costs, as signal-to-noise ratio of the normalized activations (96 channels, 8 maps of 8 x 8 of random
    numbers; in brackets the plain formula with mean square and RSQRT): 31 dB (36) where all positions have the same
    contrast, 16 dB (1) where it varies as exp(0.7 normal), 25 dB (26) with two outlying channels, 16 dB (12) with both.
    With 768 channels the fixed scale is coarser: 24 dB (35) and 16 dB (-3) in the first two cases.
    """

    mixing = "point"

    def call(self, inputs: Any) -> Any:
        """(batch, ..., channels) to the same."""
        channels = inputs.shape[-1]
        # Adding the negative mean keeps the converter from making SQUARED_DIFFERENCE of what follows.
        centered = inputs + tf.reduce_mean(inputs, axis=-1, keepdims=True) * -1.0
        squares = tf.reduce_sum(tf.square(centered), axis=-1, keepdims=True)
        unit = centered * tf.math.rsqrt(squares + min(self.epsilon * channels, _LARGEST_GUARD))
        scale = channels**0.5 if self.gamma is None else self.gamma * channels**0.5
        return unit * scale if self.beta is None else unit * scale + self.beta


@keras.saving.register_keras_serializable(PACKAGE)
class LayerScale(keras.layers.Layer):  # type: ignore[misc]
    """One learned factor per channel (arXiv:2103.17239, equation 3); folded into the layer before it where one is.

    Args:
        initial: the factors before training.
    """

    mixing = "point"

    def __init__(self, initial: float = 1e-6, **options: Any) -> None:
        super().__init__(**options)
        self.initial = initial

    def build(self, input_shape: Any) -> None:
        """One factor per channel."""
        start = keras.initializers.Constant(self.initial)
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer=start)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """(batch, ..., channels) to the same."""
        return inputs * self.gamma

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "initial": self.initial}


@keras.saving.register_keras_serializable(PACKAGE)
class ClassToken(keras.layers.Layer):  # type: ignore[misc]
    """Puts one learned token before the others (ViT, arXiv:2010.11929, equation 1)."""

    mixing = "point"

    def build(self, input_shape: Any) -> None:
        """One token."""
        start = keras.initializers.TruncatedNormal(stddev=0.02)
        self.token = self.add_weight(name="token", shape=(1, 1, input_shape[-1]), initializer=start)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """(batch, tokens, channels) to (batch, 1 + tokens, channels)."""
        return tf.concat([tf.tile(self.token, [tf.shape(inputs)[0], 1, 1]), inputs], axis=1)


@keras.saving.register_keras_serializable(PACKAGE)
class PositionEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """Adds a learned vector to the token of each position (ViT, arXiv:2010.11929, equation 1)."""

    mixing = "point"

    def build(self, input_shape: Any) -> None:
        """One vector per token."""
        start = keras.initializers.TruncatedNormal(stddev=0.02)
        shape = (1, input_shape[1], input_shape[2])  # a starred slice is more than AutoGraph understands
        self.positions = self.add_weight(name="positions", shape=shape, initializer=start)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """(batch, tokens, channels) to the same."""
        return inputs + self.positions


@keras.saving.register_keras_serializable(PACKAGE)
class Attention(keras.layers.Layer):  # type: ignore[misc]
    """softmax(q k^T * scale) v in several heads (arXiv:1706.03762, equation 1); projections are other layers.

    Args:
        heads: number of heads; the channels are split among them.
        scale: by default 1 / sqrt(channels of a head).
    """

    mixing = "attention"

    def __init__(self, heads: int, scale: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.heads, self.scale = heads, scale

    def call(self, inputs: Any) -> Any:
        """Queries (batch, tokens, channels), keys and values (batch, others, channels) to (batch, tokens, channels)."""
        queries, keys, values = inputs
        channels = queries.shape[-1]
        scale = self.scale or (channels // self.heads) ** -0.5
        # The scale comes first, so that the converter folds it into the projection of the queries.
        scores = tf.matmul(self._split(queries * scale), self._split(keys), transpose_b=True)
        mixed = tf.matmul(tf.nn.softmax(scores), self._split(values))
        return tf.reshape(tf.transpose(mixed, (0, 2, 1, 3)), (-1, queries.shape[1], channels))

    def _split(self, tokens: Any) -> Any:
        """(batch, tokens, channels) to (batch, heads, tokens, channels / heads)."""
        count, channels = tokens.shape[1], tokens.shape[2]
        return tf.transpose(tf.reshape(tokens, (-1, count, self.heads, channels // self.heads)), (0, 2, 1, 3))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "heads": self.heads, "scale": self.scale}


def is_swish(layer: Any) -> bool:
    """Whether a layer is nothing but swish."""
    return type(layer).__name__ == "Activation" and layer.get_config().get("activation") in ("swish", "silu")
