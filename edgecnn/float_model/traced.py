"""A traced float model: the common start of every scheme."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import QuantizationError
from edgecnn.float_model.loading import TraceableModel
from edgecnn.runtime.run.interpreter import quiet


@dataclass(frozen=True)
class FloatModel:
    """A model traced as one TensorFlow function, batch 1.

    `TFLiteConverter.from_keras_model` spends nine tenths of its time on saving and tracing the model again; a function
    goes to the converter as it is.

    Attributes:
        function: the concrete function.
        owner: what holds its variables, to which a function has weak references only.
    """

    function: Any
    owner: Any

    @classmethod
    def trace(cls, source: TraceableModel) -> FloatModel:
        """Trace with a fixed shape."""
        return cls.of(source.call, source.contract.preprocessing.shape)

    @classmethod
    def of(cls, call: Callable[[Any], Any], shape: Sequence[int]) -> FloatModel:
        """Trace anything that can be called with a float32 tensor (1, *shape)."""
        with quiet():
            spec = tf.TensorSpec((1, *shape), tf.float32, name="image")
            return cls(tf.function(call).get_concrete_function(spec), call)

    def converter(self) -> Any:
        """A fresh TFLiteConverter that allows built-in operators only."""
        converter = tf.lite.TFLiteConverter.from_concrete_functions([self.function])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter

    @functools.cached_property
    def is_quantization_aware(self) -> bool:
        """Whether it rounds by itself, as a model does after quantization-aware training by others."""
        graph = self.function.graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        return any(node.op.startswith("FakeQuant") for node in nodes)

    def with_own_ranges(self, io: str) -> bytes:
        """The integer `.tflite` with the ranges that a quantization-aware model brings.

        Args:
            io: type of its input and output: "uint8", "int8" or "float32".

        Raises:
            QuantizationError: the converter refuses the model.
        """
        converter = self.converter()
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, io)
        return convert(converter)

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
                "The model needs operators that a board's TFLite runtime does not have: "
                f"{named[0].rstrip('.')}. Replace these layers before quantizing."
            )
    return f"The TFLite converter can't convert the model: {lines[0][:300] if lines else 'no reason given'}"
