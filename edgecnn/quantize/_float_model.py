"""A traced and frozen float model: the common start of every scheme."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from edgecnn._tensorflow import tf
from edgecnn.errors import QuantizationError
from edgecnn.quantize._source import Source
from edgecnn.runtime.engine import quiet


@dataclass(frozen=True)
class FloatModel:
    """A TensorFlow function without variables, batch 1.

    Freezing first is what makes conversion fast: `TFLiteConverter.from_keras_model` spends nine tenths of its time on
    saving and tracing the model again.
    """

    function: Any

    @classmethod
    def trace(cls, source: Source) -> FloatModel:
        """Trace with a fixed shape and turn variables into constants."""
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        spec = tf.TensorSpec((1, *source.contract.preprocessing.shape), tf.float32, name="image")
        with quiet():
            return cls(convert_variables_to_constants_v2(tf.function(source.call).get_concrete_function(spec)))

    def converter(self) -> Any:
        """A fresh TFLiteConverter that allows built-in operators only."""
        converter = tf.lite.TFLiteConverter.from_concrete_functions([self.function])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter

    @functools.cached_property
    def float32(self) -> bytes:
        """The float `.tflite`."""
        return convert(self.converter())


def convert(converter: Any) -> bytes:
    """Run a converter.

    Raises:
        QuantizationError: the model needs an operator that TFLite doesn't have; the message names it.
    """
    try:
        with quiet():
            return bytes(converter.convert())
    except Exception as error:  # the converter's own exception type is private
        raise QuantizationError(_explain(str(error))) from error


def _explain(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    for marker in ("TF Select ops:", "Flex ops:", "Custom ops:", "Some ops are not supported"):
        named = [line for line in lines if line.startswith(marker)]
        if named:
            return (
                f"The model needs operators that a board's TFLite runtime doesn't have: {named[0]} "
                "Replace these layers before quantizing."
            )
    return f"The TFLite converter refuses the model: {lines[0][:300] if lines else 'no reason given'}"
