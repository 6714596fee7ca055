"""Keras layers of our own, for what no stock layer computes. Importing this file imports TensorFlow.

They are registered, so that a `.keras` file names them and `edgecnn.keras_file` knows them; they hold no weights and no
code from the file.
"""

from __future__ import annotations

from typing import Any

from edgecnn._tensorflow import keras, tf

PACKAGE = "edgecnn"


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
