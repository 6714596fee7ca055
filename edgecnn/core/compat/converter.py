"""What is used of TensorFlow's converter beside its public class: the quantizer by itself, and freezing a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.core.compat.tensorflow import tf


def quantized(model: bytes, io: str, *, per_channel: bool, keep_float: Sequence[str] = ()) -> bytes:
    """A float `.tflite` model with calibrated ranges as an integer one.

    Args:
        model: with a range on every activation.
        io: type of the input and output tensors.
        per_channel: whether every output channel has a weight scale of its own.
        keep_float: names of operators' outputs; these operators aren't quantized.

    Raises:
        Exception: the quantizer refuses the model; its type is private too.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    io_type: Any = getattr(tf, io)
    return bytes(
        mlir_quantize(
            model,
            disable_per_channel=not per_channel,
            disable_per_channel_for_dense_layers=not per_channel,
            input_data_type=io_type,
            output_data_type=io_type,
            denylisted_nodes=set(keep_float) or None,
        )
    )


def frozen(traced: Any) -> Any:
    """A concrete function with its variables as constants and its calls and branches as operations of one graph."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(traced, lower_control_flow=True, aggressive_inlining=True)
