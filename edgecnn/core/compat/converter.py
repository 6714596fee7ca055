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


def frozen_but_counters(traced: Any) -> Any:
    """The same, but variables of whole numbers stay inputs: generators of random layers, which a graph may advance."""
    from tensorflow.python.framework import convert_to_constants

    counters = {id(variable.handle) for variable in traced.graph.variables if variable.dtype.is_integer}
    kept = [inside.name.split(":")[0] for outside, inside in traced.graph.captures if id(outside) in counters]
    found = convert_to_constants._FunctionConverterDataInEager(
        func=traced, lower_control_flow=True, aggressive_inlining=True, variable_names_denylist=kept
    )
    graph, converted = convert_to_constants._replace_variables_by_constants(converter_data=found)
    return convert_to_constants._construct_concrete_function(traced, graph, converted)


def function_of(graph: Any, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """A concrete function from a GraphDef and the names of its tensors."""
    from tensorflow.python.eager.wrap_function import function_from_graph_def

    return function_from_graph_def(graph, list(inputs), list(outputs))
