"""Cut a `.tflite` graph into single operators: one file with a subgraph and a signature per operator.

Constants are shared, so the file is hardly larger than the model and travels to a device like any model. Operators
that only read constants (the DEQUANTIZE of float16 weights) run once when a model is loaded; they go along with the
operators that need them. Operators with graphs or variables of their own (WHILE, IF, CALL_ONCE, ...) and those of text
are left out.
Two large convolutions go along that tell what the machine reaches at best, for the roofline.
"""

from __future__ import annotations

import copy
import io
import zipfile
from typing import Any

import numpy as np

from edgecnn import artifact
from edgecnn.core.compat.litert_schema import operator_code, pack, schema, unpack
from edgecnn.graph.operator_kinds import kind_of
from edgecnn.graph.shapes import resolved
from edgecnn.runtime.measure.per_op import (
    EMPTY_PREFIX,
    OPERATOR_PREFIX,
    PROBE_CHANNELS,
    PROBE_SIDE,
    PROBES,
    constant_operators,
)
from edgecnn.runtime.model.graph import Graph, Operator
from edgecnn.runtime.model.model_file import AnyFile

EMPTY_GRAPHS = 5
_NO_NUMBERS = ("STRING", "RESOURCE", "VARIANT")
_SCALES = {"int8": 0.05, "int32": 0.05**2}  # of the probe; a bias has the product of the other two


def cut(file: AnyFile, files: bool = False) -> bytes:
    """The model with the subgraphs `op0`, `op1`, ... instead of its own, and a few `emptyN` that do next to nothing.

    Args:
        file: the model.
        files: a zip with a file per subgraph instead, for runtimes that treat a file's first subgraph specially.
    """
    source = unpack(artifact.graph_bytes(file))
    graph, old = resolved(file.model, file.data).graph, source.subgraphs[0]
    for tensor, entry in zip(graph.tensors, old.tensors):
        entry.shape = list(tensor.shape)
    source.subgraphs, source.signatureDefs, source.metadata = [], [], []
    constant = constant_operators(graph)
    makers = {number: graph.operators[index] for index in constant for number in graph.operators[index].outputs}
    for number in range(EMPTY_GRAPHS):  # first: the runtime refuses a file of which it can't allocate the first graph
        _add(source, _empty(source), f"{EMPTY_PREFIX}{number}")
    for operator in graph.operators:
        if operator.index not in constant and _stands_alone(graph, operator):
            _add(source, _single(graph, old, operator, makers), f"{OPERATOR_PREFIX}{operator.index}")
    for name, kind in PROBES.items():
        _add(source, _probe(source, kind), name)
    return _zip(source) if files else pack(source)


def _stands_alone(graph: Graph, operator: Operator) -> bool:
    """Whether an operator can be run on made-up numbers: it has no graphs, variables or text."""
    tensors = [graph.tensors[number] for number in (*operator.inputs, *operator.outputs) if number != -1]
    return not kind_of(operator.name).has_state and not any(tensor.dtype in _NO_NUMBERS for tensor in tensors)


def _zip(model: Any) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for subgraph, signature in zip(model.subgraphs, model.signatureDefs):
            alone = copy.copy(model)
            alone.buffers, alone.subgraphs, alone.signatureDefs = [schema.BufferT()], [copy.copy(subgraph)], [signature]
            alone.subgraphs[0].tensors = [_moved(tensor, model, alone) for tensor in subgraph.tensors]
            signature.subgraphIndex = 0
            archive.writestr(zipfile.ZipInfo(f"{signature.signatureKey}.tflite"), pack(alone))
    return stream.getvalue()


def _moved(tensor: Any, source: Any, target: Any) -> Any:
    """A tensor of one model in another, with its values."""
    moved = copy.copy(tensor)
    if source.buffers[tensor.buffer].data is None:
        moved.buffer = 0
    else:
        target.buffers.append(source.buffers[tensor.buffer])
        moved.buffer = len(target.buffers) - 1
    return moved


def _single(graph: Graph, old: Any, operator: Operator, makers: dict[int, Operator]) -> Any:
    """A subgraph of one operator, after those that compute its constants; `makers` computes each of those tensors."""
    subgraph = schema.SubGraphT()
    subgraph.tensors, subgraph.operators = [], []
    numbers: dict[int, int] = {-1: -1}

    def number(index: int) -> int:
        if index not in numbers:
            numbers[index] = len(subgraph.tensors)
            subgraph.tensors.append(old.tensors[index])
        return numbers[index]

    group = [*_constants(operator, makers), operator]
    for member in group:
        node = copy.copy(old.operators[member.index])
        node.inputs = [number(index) for index in member.inputs]
        node.outputs = [number(index) for index in member.outputs]
        if node.intermediates is not None:  # what a recurrent operator's int8 kernel computes in between
            node.intermediates = [number(int(index)) for index in node.intermediates]
        subgraph.operators.append(node)
    computed = {index for member in group[:-1] for index in member.outputs}
    given = [index for index in dict.fromkeys(operator.inputs) if index != -1 and index not in computed]
    # The state of a recurrent operator is no input: the runtime keeps it.
    reads = [index for index in given if not graph.tensors[index].is_constant and not old.tensors[index].isVariable]
    subgraph.inputs = [number(index) for index in reads]
    subgraph.outputs = [number(index) for index in operator.outputs]
    return subgraph


def _constants(operator: Operator, makers: dict[int, Operator]) -> list[Operator]:
    """The operators that compute constants for this one, in execution order."""
    needed: dict[int, Operator] = {}
    open_ends = list(operator.inputs)
    while open_ends:
        maker = makers.get(open_ends.pop())
        if maker is not None and maker.index not in needed:
            needed[maker.index] = maker
            open_ends += maker.inputs
    return [needed[index] for index in sorted(needed)]


def _empty(model: Any) -> Any:
    """A subgraph that takes the absolute value of one number: what starting a graph costs."""
    subgraph, operator = schema.SubGraphT(), schema.OperatorT()
    subgraph.tensors = [_tensor([1], "float32"), _tensor([1], "float32")]
    operator.opcodeIndex = operator_code(model, schema.BuiltinOperator.ABS)
    operator.inputs, operator.outputs = [0], [1]
    subgraph.operators, subgraph.inputs, subgraph.outputs = [operator], [0], [1]
    return subgraph


def _probe(model: Any, kind: str) -> Any:
    """A subgraph of one large 1x1 convolution, the kernel in which convolutional networks come nearest to the peak."""
    draw = np.random.default_rng(0).integers(-100, 100, PROBE_CHANNELS**2)
    weights = _constant(model, [PROBE_CHANNELS, 1, 1, PROBE_CHANNELS], kind, draw)
    bias_kind = "int32" if kind == "int8" else kind
    bias = _constant(model, [PROBE_CHANNELS], bias_kind, draw[:PROBE_CHANNELS])
    picture = [1, PROBE_SIDE, PROBE_SIDE, PROBE_CHANNELS]
    subgraph, operator, options = schema.SubGraphT(), schema.OperatorT(), schema.Conv2DOptionsT()
    subgraph.tensors = [_tensor(picture, kind), weights, bias, _tensor(picture, kind)]
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    operator.opcodeIndex = operator_code(model, schema.BuiltinOperator.CONV_2D, version=3)
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    subgraph.operators, subgraph.inputs, subgraph.outputs = [operator], [0], [3]
    return subgraph


def _tensor(shape: list[int], kind: str) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = f"{kind} of {shape}", shape, 0
    tensor.type = getattr(schema.TensorType, kind.upper())
    if kind in _SCALES:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [_SCALES[kind]], [0]
    return tensor


def _constant(model: Any, shape: list[int], kind: str, values: np.ndarray) -> Any:
    tensor, buffer = _tensor(shape, kind), schema.BufferT()
    buffer.data = np.frombuffer(values.astype(np.dtype(kind).newbyteorder("<")).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
    return tensor


def _add(model: Any, subgraph: Any, name: str) -> None:
    subgraph.name = name
    model.subgraphs.append(subgraph)
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = name, len(model.subgraphs) - 1
    signature.inputs = [_named(f"in{order}", index) for order, index in enumerate(subgraph.inputs)]
    signature.outputs = [_named(f"out{order}", index) for order, index in enumerate(subgraph.outputs)]
    model.signatureDefs.append(signature)


def _named(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry
