"""A float `.tflite` whose input is channels-first (NCHW), as PyTorch's exporters leave it, with NHWC in its place.

Its convolutions are NHWC all the same, behind a TRANSPOSE. So nothing but the input's layout changes: that operator is
left out, or one is put in front where something else reads the input first.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.compat.litert_schema import operator_code, pack, schema, unpack
from edgecnn.core.hints import Hints
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.graph import Graph, Operator
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.tflite import parse

_CHANNELS = (1, 3)
_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


def read(path: Path, hints: Hints) -> ModelFile:
    """A float `.tflite` as `Hints.read` reads it, with an NHWC input; its contract says what was changed.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
        UsageError: what was said can't be of this model.
    """
    data = model_file.read_bytes(path)
    graph = parse(data, path.name).graph
    if not _is_channels_first(graph):
        return hints.read(path)
    file = hints.read_bytes(_turned(data, graph), path.name)
    shapes = [list(each.tensors[each.inputs[0]].shape) for each in (graph, file.model.graph)]
    said = f"The input is channels-first, {shapes[0]}: the converted model takes {shapes[1]}, with the same outputs."
    return dataclasses.replace(file, contract=file.contract.replace(assumed=(*file.contract.assumed, said)))


def _is_channels_first(graph: Graph) -> bool:
    tensor = graph.tensors[graph.inputs[0]] if len(graph.inputs) == 1 else None
    if tensor is None or tensor.dtype != "FLOAT32" or len(tensor.shape) != 4:
        return False
    return tensor.shape[1] in _CHANNELS and tensor.shape[3] not in _CHANNELS


def _turned(data: bytes, graph: Graph) -> bytes:
    unpacked = unpack(data)
    unpacked.signatureDefs = None  # they name the old input
    main, given = unpacked.subgraphs[0], graph.inputs[0]
    readers = [operator for operator in graph.operators if given in operator.inputs]
    if readers and given not in graph.outputs and all(_turns(graph, reader) for reader in readers):
        turned = {reader.outputs[0]: readers[0].outputs[0] for reader in readers}
        main.operators = [each for number, each in enumerate(main.operators) if number not in _numbers(readers)]
        for operator in main.operators:
            operator.inputs = np.asarray([turned.get(int(each), int(each)) for each in operator.inputs], np.int32)
        main.outputs = np.asarray([turned.get(int(each), int(each)) for each in main.outputs], np.int32)
        main.inputs = np.asarray([readers[0].outputs[0]], np.int32)
    else:
        _put_in_front(unpacked, given)
    return pack(unpacked)


def _numbers(operators: list[Operator]) -> set[int]:
    return {operator.index for operator in operators}


def _turns(graph: Graph, operator: Operator) -> bool:
    """Whether an operator makes NHWC of NCHW."""
    if operator.name != "TRANSPOSE" or len(operator.inputs) != 2:
        return False
    order = graph.tensors[operator.inputs[1]]
    return order.is_constant and tuple(order.values().reshape(-1).tolist()) == _TO_NHWC


def _put_in_front(model: Any, given: int) -> None:
    main = model.subgraphs[0]
    old = main.tensors[given]
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.frombuffer(np.asarray(_TO_NCHW, "<i4").tobytes(), np.uint8)
    order = _tensor("channels_first", [4], schema.TensorType.INT32, len(model.buffers) - 1)
    image = _tensor("channels_last", [int(old.shape[axis]) for axis in _TO_NHWC], old.type, 0)
    main.tensors += [order, image]
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_code(model, schema.BuiltinOperator.TRANSPOSE, 1)
    operator.builtinOptionsType = schema.BuiltinOptions.TransposeOptions
    operator.builtinOptions = schema.TransposeOptionsT()
    operator.inputs = np.asarray([len(main.tensors) - 1, len(main.tensors) - 2], np.int32)
    operator.outputs = np.asarray([given], np.int32)
    main.operators.insert(0, operator)
    main.inputs = np.asarray([len(main.tensors) - 1], np.int32)


def _tensor(name: str, shape: list[int], kind: int, buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, np.asarray(shape, np.int32), kind, buffer
    return tensor
