"""Runs an ONNX model by ONNX Runtime, with its own names, types and layouts. Runs in an environment of its own.

onnxruntime_program.py MODEL.onnx   says first what the model takes and gives, JSON in an array of bytes; then answers:
one array for each input in, all outputs out, as .npy on the standard streams
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from common import REFUSED, RefusedError, receive, send

OWN_OPERATORS = "Export it with standard operators only"


def session_of(path: str) -> Any:
    """The checked model; weights outside of its file lie in its folder."""
    import onnx
    import onnxruntime

    try:
        onnx.checker.check_model(path)
    except Exception as error:  # protobuf's and the checker's own kinds
        raise RefusedError(f"it is no valid ONNX model, or its data file is missing: {_short(error)}") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own kinds
        raise RefusedError(f"ONNX Runtime refuses it: {_short(error)}. {OWN_OPERATORS}.") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:250].rstrip(".")


def told(tensors: Any) -> list[dict[str, Any]]:
    """Name, type and shape of each; an open size is its name, or None."""
    return [{"name": each.name, "type": each.type, "shape": list(each.shape)} for each in tensors]


def answer(path: str) -> None:
    """Until the input ends."""
    session = session_of(path)
    inputs = told(session.get_inputs())
    text = json.dumps({"inputs": inputs, "outputs": told(session.get_outputs())})
    for array in (np.array(1), np.frombuffer(text.encode(), np.uint8)):
        send(sys.stdout.buffer, array)
    while True:
        try:
            given = {each["name"]: receive(sys.stdin.buffer) for each in inputs}
        except EOFError:
            return
        try:
            outputs = [np.asarray(each) for each in session.run(None, given)]
        except Exception as error:  # ONNX Runtime's own kinds
            raise RefusedError(_short(error)) from error
        for array in (np.array(len(outputs)), *outputs):
            send(sys.stdout.buffer, array)


if __name__ == "__main__":
    try:
        answer(sys.argv[1])
    except RefusedError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
