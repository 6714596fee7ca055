"""Shapes that a `.tflite` file leaves out: TensorFlow 1's converter did so behind custom operators."""

from __future__ import annotations

from dataclasses import replace

from edgecnn.core.errors import CrashError, ModelFileError, RuntimeMissingError
from edgecnn.graph.cost import activation_inputs
from edgecnn.runtime.model.tflite import Graph, Operator, TFLiteModel
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import interpreter_module, quiet

# What may make a single number of a larger tensor.
_MAY_END_IN_A_SCALAR = frozenset(
    "MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ANY REDUCE_ALL RESHAPE SQUEEZE STRIDED_SLICE GATHER".split()  # noqa: SIM905
)


def unknown(graph: Graph) -> frozenset[int]:
    """Numbers of the computed tensors whose shape the file doesn't say; it stands there as that of a single number."""
    found: set[int] = set()
    for operator in graph.operators:
        for number in operator.outputs:
            if not graph.tensors[number].shape and not _is_scalar(graph, operator, found):
                found.add(number)
    return frozenset(found)


def _is_scalar(graph: Graph, operator: Operator, unknown: set[int]) -> bool:
    reads = activation_inputs(graph, operator)
    if any(tensor.index in unknown for tensor in reads):
        return False
    return operator.name in _MAY_END_IN_A_SCALAR or not any(tensor.shape for tensor in reads)


def resolved(model: TFLiteModel, data: bytes) -> TFLiteModel:
    """The model with the shapes that the TFLite runtime infers; as it is where the runtime refuses the model.

    Args:
        model: the parsed file.
        data: its bytes.
    """
    missing = unknown(model.graph)
    if not missing:
        return model
    try:
        shapes = dict(guard.isolated(_inferred, data))
    except (CrashError, ModelFileError, RuntimeMissingError):
        return model
    tensors = tuple(
        replace(tensor, shape=tuple(shapes[tensor.index]), signature=tuple(shapes[tensor.index]))
        if tensor.index in missing and tensor.index in shapes
        else tensor
        for tensor in model.graph.tensors
    )
    return replace(model, graphs=(replace(model.graph, tensors=tensors), *model.graphs[1:]))


def _inferred(data: bytes) -> list[tuple[int, list[int]]]:
    """(tensor number, shape) after the runtime has allocated the model."""
    module = interpreter_module()
    try:
        with quiet():
            interpreter = module.Interpreter(model_content=data, num_threads=1)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelFileError(str(error)) from error
    return [(row["index"], [int(size) for size in row["shape"]]) for row in interpreter.get_tensor_details()]
