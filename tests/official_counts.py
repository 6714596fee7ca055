"""Multiply-accumulates, parameters and shapes of a `.tflite` file by the official flatbuffer schema alone."""

from __future__ import annotations

import math
from typing import Any

from tensorflow.lite.python import schema_py_generated as official

_NAMES = {value: name for name, value in vars(official.BuiltinOperator).items() if not name.startswith("_")}
_VALUES = {"FLOAT32", "FLOAT16", "INT8", "UINT8", "INT16", "INT4", "FLOAT64", "BFLOAT16"}
_TYPES = {value: name for name, value in vars(official.TensorType).items() if not name.startswith("_")}
_BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3, "CONV_3D": 2}


class Counts:
    """What the schema says of a file.

    Attributes:
        macs: of the main graph, at the stored shapes.
        parameters: elements of constants that are read as values, or as a bias.
        input_shapes: as stored.
        output_shapes: of each operator that computes something at run time, as stored.
    """

    def __init__(self, data: bytes) -> None:
        self.model = official.ModelT.InitFromPackedBuf(data, 0)
        main = self.model.subgraphs[0]
        self.macs = sum(self._macs(main, operator) for operator in main.operators or ())
        self.parameters = sum(self._parameters(graph) for graph in self.model.subgraphs)
        self.input_shapes = [_shape(main.tensors[index]) for index in main.inputs]
        loaded = self._computed_at_loading(main)
        self.output_shapes = [
            _shape(main.tensors[operator.outputs[0]])
            for operator in main.operators or ()
            if operator.outputs is not None and len(operator.outputs) and operator.outputs[0] not in loaded
        ]

    def name(self, operator: Any) -> str:
        """The builtin operator's name."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        return _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _stored(self, tensor: Any) -> bool:
        data = self.model.buffers[tensor.buffer].data
        return data is not None and len(data) > 0

    def _computed_at_loading(self, graph: Any) -> set[int]:
        """Tensors that a DEQUANTIZE or DENSIFY makes of a constant."""
        found: set[int] = set()
        for operator in graph.operators or ():
            source = operator.inputs[0] if operator.inputs is not None and len(operator.inputs) else -1
            constant = source in found or (source >= 0 and self._stored(graph.tensors[source]))
            if self.name(operator) in ("DEQUANTIZE", "DENSIFY") and constant:
                found.update(operator.outputs)
        return found

    def _parameters(self, graph: Any) -> int:
        found: dict[int, int] = {}
        for operator in graph.operators or ():
            for place, index in enumerate(operator.inputs if operator.inputs is not None else ()):
                tensor = graph.tensors[index]
                if index < 0 or not self._stored(tensor):
                    continue
                if _TYPES[tensor.type] in _VALUES or place == _BIAS.get(self.name(operator)):
                    found[int(index)] = math.prod(_shape(tensor))
        return sum(found.values())

    def _macs(self, graph: Any, operator: Any) -> int:
        name = self.name(operator)
        inputs = [_shape(graph.tensors[index]) for index in operator.inputs] if operator.inputs is not None else []
        made = operator.outputs if operator.outputs is not None else []
        outputs = math.prod(_shape(graph.tensors[made[0]])) if len(made) else 0
        if name == "CONV_2D":
            return outputs * math.prod(inputs[1][1:])
        if name == "DEPTHWISE_CONV_2D":
            return outputs * inputs[1][1] * inputs[1][2]
        if name == "FULLY_CONNECTED":
            return outputs * inputs[1][1]
        if name == "TRANSPOSE_CONV":
            return math.prod(inputs[2]) * math.prod(inputs[1][:3])
        if name == "CONV_3D":
            return outputs * math.prod(inputs[1][:4])
        if name == "BATCH_MATMUL":
            return outputs * inputs[0][-2 if operator.builtinOptions.adjX else -1]
        return 0


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()
