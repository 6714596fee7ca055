"""Small `.tflite` graphs written operator by operator, without TensorFlow: for tests of rules and of cutting."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

TYPES = {"f4": schema.TensorType.FLOAT32, "i1": schema.TensorType.INT8, "u1": schema.TensorType.UINT8,
         "i4": schema.TensorType.INT32, "f2": schema.TensorType.FLOAT16, "i2": schema.TensorType.INT16,
         "i8": schema.TensorType.INT64, "?": schema.TensorType.BOOL}  # fmt: skip


def outputs_of(model, inputs):
    """What a model with one input and one output answers to each of `inputs`, stacked."""
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    answers = []
    for one in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(answers)


class Graph:
    """Add tensors and operators, then `build()` the file's bytes."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = "made by a test"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, name, shape, dtype="i1", scale=(0.05,), values=None, free=(), zero_point=0):
        """Returns the tensor's number; a constant where `values` are given; `free` axes have the signature -1."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), TYPES[dtype]
        if free:
            tensor.shapeSignature = [-1 if axis in free else size for axis, size in enumerate(shape)]
        if dtype in ("i1", "u1", "i2"):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = list(scale)
            tensor.quantization.zeroPoint = [zero_point] * len(scale)
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(values, np.dtype("<" + dtype)).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        else:
            tensor.buffer = 0
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, name, shape, dtype="i1", seed=0, scale=(0.01,)):
        """A constant of random values."""
        draw = np.random.default_rng(seed).integers(-100, 100, shape)
        return self.tensor(name, shape, dtype, scale, draw / 100 if dtype[0] == "f" else draw)

    def operator(self, name, inputs, outputs, options=None, version=1):
        """One operator; `options` is an options object of the schema, e.g. `Conv2DOptionsT`."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes)
        self.model.operatorCodes.append(code)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options is not None:
            kind = type(options).__name__[:-1]
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.graph.operators.append(operator)

    def conv(self, name, source, filters, kernel=1, dilation=(1, 1), stride=1, dtype="i1", version=1):
        """A `same` convolution with ReLU6; returns the output's number."""
        _, height, width, channels = self.graph.tensors[source].shape
        weights = self.constant(f"{name}/weights", (filters, kernel, kernel, channels), dtype)
        bias = self.constant(f"{name}/bias", (filters,), "f4" if dtype == "f4" else "i4")
        self.graph.tensors[bias].quantization = None
        if dtype != "f4":
            quantization = schema.QuantizationParametersT()
            quantization.scale, quantization.zeroPoint = [0.05 * 0.01], [0]
            self.graph.tensors[bias].quantization = quantization
        shape = (1, -(-height // stride), -(-width // stride), filters)
        output = self.tensor(f"{name}/Relu6;{name}/Conv2D", shape, dtype)
        options = schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, stride, stride
        options.dilationHFactor, options.dilationWFactor = dilation
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
        self.operator("CONV_2D", [source, weights, bias], [output], options, version)
        return output

    def unary(self, kind, name, source, options=None, shape=None, dtype=None):
        """An operator with one input and one output; returns the output's number."""
        given = self.graph.tensors[source]
        kinds = {value: key for key, value in TYPES.items()}
        output = self.tensor(name, shape or given.shape, dtype or kinds[given.type])
        self.operator(kind, [source], [output], options)
        return output

    def build(self, inputs, outputs):
        """The file's bytes."""
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
