"""TFMOT configurations that quantize our layers during training. Importing this file imports TensorFlow and TFMOT.

TFMOT's own rules refuse several of our layers, quantize depthwise kernels per tensor (their last axis has the length
1), and match patterns by layer class. Here `edgecnn.training.qat.emulation` tells each layer what TFLite will do
with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.compat.tfmot import (
    FixedQuantizer,
    LastValueQuantizer,
    MovingAverageQuantizer,
    QuantizeConfig,
    QuantizeLayer,
    QuantizeWrapperV2,
)
from edgecnn.models.layers import HardSigmoid, is_swish

__all__ = ["Kernel", "QuantizeLayer", "QuantizeWrapperV2", "Rule", "activations", "rounded_kind"]

PACKAGE = "edgecnn"
# Output ranges that TFLite's specification fixes.
FIXED = {"sigmoid": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128)}


def activations() -> Any:
    """A quantizer for activations: 8 bits, asymmetric, its range a moving average."""
    return MovingAverageQuantizer(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)


class Kernel(LastValueQuantizer):  # type: ignore[misc]
    """8 bits, symmetric, one range per output channel, for depthwise kernels (height, width, channels, 1) too."""

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Make the range's variables, (channels,) each."""
        return {
            f"{end}_var": layer.add_weight(
                f"{name}_{end}",
                shape=(_channels(tensor_shape),),
                initializer=keras.initializers.Constant(value),
                trainable=False,
            )
            for end, value in (("min", -1.0), ("max", 1.0))
        }

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        """Round; TensorFlow's operation wants the channels last."""
        flat = tf.reshape(inputs, (*inputs.shape[:-2], 1, -1)) if _is_depthwise(inputs.shape) else inputs
        return tf.reshape(super().__call__(flat, training, weights, **kwargs), inputs.shape)

    def get_config(self) -> dict[str, Any]:
        """Nothing can be chosen."""
        return {}

    @staticmethod
    def settle(kernel: Any, variables: dict[str, Any]) -> None:
        """Set the range to what the kernel holds now."""
        values = np.abs(kernel.numpy()).reshape(-1, _channels(kernel.shape))
        largest = np.maximum(values.max(axis=0), 1e-9)
        variables["min_var"].assign(-largest)
        variables["max_var"].assign(largest)


def _is_depthwise(shape: Any) -> bool:
    return len(shape) == 4 and shape[-1] == 1


def _channels(shape: Any) -> int:
    return int(shape[-2] if _is_depthwise(shape) else shape[-1])


@keras.saving.register_keras_serializable(PACKAGE)
class Rule(QuantizeConfig):  # type: ignore[misc]
    """How one layer is quantized.

    Args:
        kernel: attribute of the layer that holds its kernel; None for a layer without.
        output: "range" (learned), a key of `FIXED`, or None where TFLite has no rounding: the next layer is fused into
            this one, or the operator passes its input's numbers on.
    """

    def __init__(self, kernel: str | None = None, output: str | None = None) -> None:
        self.kernel, self.output = kernel, output

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        """The kernel."""
        return [(getattr(layer, self.kernel), Kernel())] if self.kernel else []

    def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        """None: what is computed in the same operator is rounded behind it."""
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
        """Let the layer compute with the rounded kernel."""
        if self.kernel:
            setattr(layer, self.kernel, quantize_weights[0])

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
        """Nothing to set; TFMOT asks all the same."""

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        """The output's."""
        if self.output in FIXED:
            low, high = FIXED[self.output]
            return [FixedQuantizer(num_bits=8, init_min=low, init_max=high, narrow_range=False)]
        return [activations()] if self.output == "range" else []

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"kernel": self.kernel, "output": self.output}


@keras.saving.register_keras_serializable(PACKAGE)
class RoundedHardSigmoid(HardSigmoid):
    """Hard-sigmoid as TFLite computes it: an addition fused with ReLU6, rounded, then a multiplication."""

    def call(self, inputs: Any) -> Any:
        """Element by element; any shape."""
        inner = tf.quantization.fake_quant_with_min_max_args(tf.nn.relu6(inputs + 3.0), min=0.0, max=6.0)
        return inner * (1.0 / 6.0)


@keras.saving.register_keras_serializable(PACKAGE)
class RoundedSwish(keras.layers.Activation):  # type: ignore[misc]
    """Swish as TFLite computes it: a sigmoid, rounded to its fixed 1/256, then a multiplication."""

    def call(self, inputs: Any) -> Any:
        """Element by element; any shape."""
        low, high = FIXED["sigmoid"]
        return inputs * tf.quantization.fake_quant_with_min_max_args(tf.sigmoid(inputs), min=low, max=high)


def rounded_kind(layer: Any) -> type[Any]:
    """The layer class that rounds inside as TFLite does, for layers that become several operators there."""
    if isinstance(layer, HardSigmoid):
        return RoundedHardSigmoid
    if is_swish(layer):
        return RoundedSwish
    return type(layer)
