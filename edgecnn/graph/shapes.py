"""Shapes that a `.tflite` file leaves out: TensorFlow 1's converter did so behind custom operators."""

from __future__ import annotations

from dataclasses import replace

from edgecnn.core.errors import CrashError, ModelFileError, RuntimeMissingError
from edgecnn.graph.constants import folded
from edgecnn.graph.cost import activation_inputs
from edgecnn.runtime.model.graph import Graph
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.model.tflite import TFLiteModel
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.interpreter import interpreter_module, open_interpreter

# What may make a single number of a larger tensor, and what neither reads nor writes one.
_MAY_END_IN_A_SCALAR = frozenset(
    "MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ANY REDUCE_ALL RESHAPE SQUEEZE STRIDED_SLICE GATHER".split()  # noqa: SIM905
)
_NO_SCALARS = frozenset(
    """CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV CONV_3D FULLY_CONNECTED BATCH_MATMUL AVERAGE_POOL_2D MAX_POOL_2D SOFTMAX
    CONCATENATION PAD RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR UNIDIRECTIONAL_SEQUENCE_LSTM""".split()  # noqa: SIM905
)


def unknown(graph: Graph) -> frozenset[int]:
    """Numbers of the computed tensors whose shape the file doesn't say; it stands there as that of a single number."""
    found: set[int] = set()
    for operator in graph.operators:
        reads = activation_inputs(graph, operator)
        if operator.name in _NO_SCALARS:
            found.update(tensor.index for tensor in reads if not tensor.shape)
        may_be_scalar = not any(tensor.index in found for tensor in reads) and (
            operator.name in _MAY_END_IN_A_SCALAR or not any(tensor.shape for tensor in reads)
        )
        if operator.name in _NO_SCALARS or not may_be_scalar:
            found.update(number for number in operator.outputs if not graph.tensors[number].shape)
        found.update(number for number in operator.outputs if 0 in graph.tensors[number].shape)
    return frozenset(found)


def resolved(model: TFLiteModel, data: bytes) -> TFLiteModel:
    """The model with the shapes that the TFLite runtime infers; as it is where the runtime refuses the model.

    Args:
        model: the parsed file.
        data: its bytes.
    """
    if not unknown(model.graph) and not _changed_inputs(model.graph):
        return model
    try:
        shapes = {number: tuple(shape) for number, shape in guard.isolated(_inferred, data)}
    except (CrashError, ModelFileError, RuntimeMissingError):
        return model
    tensors = tuple(
        replace(tensor, shape=shapes[tensor.index], signature=shapes[tensor.index])
        if not tensor.is_constant and shapes.get(tensor.index)
        else tensor
        for tensor in model.graph.tensors
    )
    return replace(model, graphs=(replace(model.graph, tensors=tensors), *model.graphs[1:]))


def known(file: AnyFile) -> Graph:
    """The main graph of a file with the shapes that it, or else the runtime, knows; constants are no operators."""
    return folded(resolved(file.model, file.data).graph)


def _changed_inputs(graph: Graph) -> bool:
    """Whether an input that the file left open has been given a size, see `free_input`: the rest must follow."""
    inputs = [graph.tensors[number] for number in graph.inputs]
    fixed = all(-1 not in tensor.signature[1:] for tensor in inputs)
    computed = [graph.tensors[number] for operator in graph.operators for number in operator.outputs]
    return fixed and any(-1 in tensor.signature[1:] for tensor in computed)


def _inferred(data: bytes) -> list[tuple[int, list[int]]]:
    """(tensor number, shape) after the runtime has allocated the model, and run it where only a run tells."""
    # A delegate would leave the shapes inside of what it takes over as they are in the file.
    plain = interpreter_module().OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = open_interpreter(data, experimental_op_resolver_type=plain)
        if any(0 in row["shape"] for row in interpreter.get_tensor_details()):
            interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        raise ModelFileError(str(error)) from error
    return [(row["index"], [int(size) for size in row["shape"]]) for row in interpreter.get_tensor_details()]
