"""TFLite_Detection_PostProcess behind a detector's raw outputs: boxes, classes, scores and count for its consumers.

Everything before the operator stays as it was converted. Source of its options:
https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/lite/kernels/detection_postprocess.cc
"""

from __future__ import annotations

from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from edgecnn.core.compat.litert_schema import builtin_code, operator_code, pack, schema, text, unpack
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.foreign_detector import POSTPROCESS

OUTPUTS = ("boxes", "classes", "scores", "count")


def with_postprocess(model: bytes, record: DetectorRecord) -> bytes:
    """A `.tflite` with non-maximum suppression in place of its two outputs.

    Args:
        model: its outputs are corrections (1, anchors, 4) and scores (1, anchors, classes), of any type.
        record: anchors and limits.
    """
    unpacked = unpack(model)
    graph = unpacked.subgraphs[0]
    corrections, scores = (_as_float(unpacked, int(number)) for number in graph.outputs)
    classes = int(graph.tensors[scores].shape[-1])
    anchors = _tensor(unpacked, "anchors", (record.count, 4), record.anchors())
    shapes = ((1, record.most, 4), (1, record.most), (1, record.most), (1,))
    outputs = [_tensor(unpacked, name, shape) for name, shape in zip(OUTPUTS, shapes)]
    operator = schema.OperatorT()
    operator.opcodeIndex = _custom_code(unpacked)
    operator.inputs, operator.outputs = np.array([corrections, scores, anchors], np.int32), np.array(outputs, np.int32)
    operator.customOptions = list(_options(record, classes))
    graph.operators.append(operator)
    graph.outputs = np.array(outputs, np.int32)
    unpacked.signatureDefs = None  # they name the old outputs
    return pack(unpacked)


def without_postprocess(model: bytes) -> bytes:
    """A `.tflite` of ours without the operator: its outputs are corrections and scores, float32."""
    unpacked = unpack(model)
    graph = unpacked.subgraphs[0]
    operator = graph.operators.pop()
    graph.outputs = np.array(operator.inputs[:2], np.int32)
    return pack(unpacked)


def _options(record: DetectorRecord, classes: int) -> bytes:
    """Fast mode: the other one loses a class where an interpreter has several threads (LiteRT 2.3)."""
    numbers = {
        "max_detections": record.most, "max_classes_per_detection": 1, "detections_per_class": record.most,
        "num_classes": classes,
    }  # fmt: skip
    shares = {"nms_score_threshold": record.least_score, "nms_iou_threshold": record.most_overlap}
    shares |= {f"{axis}_scale": scale for axis, scale in zip("yxhw", record.scales)}
    builder = flexbuffers.Builder()
    with builder.Map():
        for name, number in numbers.items():
            builder.Key(name)
            builder.Int(number)
        for name, share in shares.items():
            builder.Key(name)
            builder.Float(share)
        builder.Key("use_regular_nms")
        builder.Bool(False)
    return bytes(builder.Finish())


def _as_float(unpacked: Any, number: int) -> int:
    """The tensor in float32; without the step from int8 to another type of the output."""
    graph = unpacked.subgraphs[0]
    codes = {name: getattr(schema.BuiltinOperator, name) for name in ("QUANTIZE", "DEQUANTIZE")}
    maker = next((each for each in graph.operators if number in each.outputs), None)
    if maker is not None and builtin_code(unpacked.operatorCodes[maker.opcodeIndex]) == codes["QUANTIZE"]:
        graph.operators.remove(maker)
        number = int(maker.inputs[0])
    tensor = graph.tensors[number]
    if tensor.type == schema.TensorType.FLOAT32:
        return number
    result = _tensor(unpacked, f"{text(tensor.name)}_float", tuple(tensor.shape))
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_code(unpacked, codes["DEQUANTIZE"], 2)
    operator.inputs, operator.outputs = np.array([number], np.int32), np.array([result], np.int32)
    graph.operators.append(operator)
    return result


def _tensor(unpacked: Any, name: str, shape: tuple[int, ...], values: np.ndarray | None = None) -> int:
    """A new float32 tensor; returns its number."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = name, np.array(shape, np.int32), schema.TensorType.FLOAT32
    tensor.hasRank, tensor.buffer = True, 0
    if values is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.astype("<f4").tobytes(), np.uint8)
        tensor.buffer = len(unpacked.buffers)
        unpacked.buffers.append(buffer)
    tensors = unpacked.subgraphs[0].tensors
    tensors.append(tensor)
    return len(tensors) - 1


def _custom_code(unpacked: Any) -> int:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = POSTPROCESS, 1
    unpacked.operatorCodes.append(code)
    return len(unpacked.operatorCodes) - 1
