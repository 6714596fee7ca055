"""Converts an ONNX model by onnx2tf, and runs one by ONNX Runtime. Runs in onnx2tf's environment, by itself.

onnx_program.py convert MODEL.onnx FOLDER [SIZE]   writes FOLDER/model.tflite and FOLDER/notes.json
onnx_program.py run MODEL.onnx                     arrays in, arrays out, as .npy on the standard streams
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).parent))
from common import RefusedError, compare, image_shape, main, serve

DUMMY = "calibration_image_sample_data_20x128x128x3_float32.npy"  # onnx2tf downloads it unless it lies there
QUANTIZED = ("QuantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger")


def load(path: str) -> Any:
    """The checked model."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's own kinds
        raise RefusedError(f"is no valid ONNX model: {' '.join(str(error).split())[:200]}") from error
    return model


def image_input(model: Any) -> tuple[Any, list[int]]:
    """The only input and its sizes, 0 where they are open."""
    constants = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs) or "none"
        raise RefusedError(f"has {len(inputs)} inputs ({names}); expected one image.")
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        name = onnx.TensorProto.DataType.Name(tensor.elem_type)
        raise RefusedError(f"takes {name} numbers; expected FLOAT. Export it in float32.")
    return inputs[0], [max(0, dim.dim_value) for dim in tensor.shape.dim]


def fixed(model: Any, tensor: Any, shape: Sequence[int]) -> Any:
    """The model for one image of that size; what else was inferred of shapes is forgotten.

    PyTorch's exporter writes names like "/layer1/conv1/Conv", which no TensorFlow operation can have.
    """
    for number, node in enumerate(model.graph.node):
        node.name = f"{re.sub('[^A-Za-z0-9]+', '_', node.name or node.op_type).strip('_')}_{number}"
    for dim, length in zip(tensor.type.tensor_type.shape.dim, shape):
        dim.dim_value = length
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(model)


def convert(path: str, folder: Path, size: int | None) -> None:
    """Convert, and compare with ONNX Runtime on a random image."""
    model = load(path)
    tensor, sizes = image_input(model)
    layout, shape = image_shape(sizes, size)
    operators = sorted({node.op_type for node in model.graph.node})
    if quantized := [name for name in operators if name in QUANTIZED]:
        raise RefusedError(f"is quantized already ({quantized[0]}); expected a float model.")
    opset = max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    source = folder / "fixed.onnx"
    onnx.save(fixed(model, tensor, shape), str(source))
    by_onnx2tf(source, folder, tensor.name, layout)
    compare(folder / "model.tflite", layout, shape, answer_of(str(source)))
    source.unlink()
    notes = {"by": f"onnx2tf {version('onnx2tf')}", "opset": opset, "layout": layout, "operators": operators}
    (folder / "notes.json").write_text(json.dumps(notes))


def by_onnx2tf(source: Path, folder: Path, name: str, layout: str) -> None:
    """Write FOLDER/model.tflite."""
    from onnx2tf import convert as onnx2tf

    np.save(folder / DUMMY, np.random.default_rng(0).random((20, 128, 128, 3), np.float32))
    out = folder / "converting"
    onnx2tf(
        input_onnx_file_path=str(source),
        output_folder_path=str(out),
        keep_shape_absolutely_input_names=[name] if layout == "NHWC" else None,
        non_verbose=True,
    )
    (out / f"{source.stem}_float32.tflite").replace(folder / "model.tflite")
    (folder / DUMMY).unlink()
    shutil.rmtree(out)


def answer_of(path: str) -> Callable[[np.ndarray], Sequence[Any]]:
    """The model behind ONNX Runtime, on the processor; one image at a time where it takes no more."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    step = given.shape[0] if isinstance(given.shape[0], int) else None

    def answer(images: np.ndarray) -> Sequence[Any]:
        parts = [images[place : place + step] for place in range(0, len(images), step)] if step else [images]
        return [np.concatenate(each) for each in zip(*(session.run(None, {given.name: part}) for part in parts))]

    return answer


def run(path: str) -> None:
    """Answer batches until the input ends."""
    _, sizes = image_input(load(path))
    serve(answer_of(path), image_shape(sizes, 1)[0])


if __name__ == "__main__":
    main(convert, run)
