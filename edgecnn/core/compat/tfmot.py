"""What quantization-aware training and pruning use of tensorflow-model-optimization's private modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.core.compat.tensorflow import keras

keras.layers  # noqa: B018  - TensorFlow with its settings, before TFMOT imports it without
from tensorflow_model_optimization.python.core.quantization.keras.quantize_config import QuantizeConfig  # noqa: E402
from tensorflow_model_optimization.python.core.quantization.keras.quantize_layer import QuantizeLayer  # noqa: E402
from tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper import (  # noqa: E402
    QuantizeWrapperV2,
)
from tensorflow_model_optimization.python.core.quantization.keras.quantizers import (  # noqa: E402
    FixedQuantizer,
    LastValueQuantizer,
    MovingAverageQuantizer,
)
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PolynomialDecay  # noqa: E402

__all__ = [
    "FixedQuantizer",
    "LastValueQuantizer",
    "MovingAverageQuantizer",
    "PolynomialDecay",
    "QuantizeConfig",
    "QuantizeLayer",
    "QuantizeWrapperV2",
    "output_range",
    "weights",
]


def weights(layer: Any) -> Sequence[tuple[Any, Any, dict[str, Any]]]:
    """(variable, quantizer, the quantizer's variables) of each weight that a wrapped layer quantizes."""
    return tuple(getattr(layer, "_weight_vars", ()))


def output_range(layer: Any) -> dict[str, Any] | None:
    """The variables of the range that a wrapped layer learns for its output, if it has one."""
    found: dict[str, Any] | None = getattr(layer, "_output_quantizer_vars", None)
    return found
