"""An ONNX model behind ONNX Runtime: this Python's where it is installed, else in an environment that edgecnn makes."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError
from edgecnn.core.progress import Progress, silent
from edgecnn.float_model.converters import environment
from edgecnn.float_model.converters.environment import Environment
from edgecnn.float_model.converters.external_data import external_files
from edgecnn.float_model.converters.served import Served

ENVIRONMENT = Environment(
    "onnxruntime",
    ("onnxruntime>=1.17", "onnx>=1.16"),
    250_000_000,
    'Or install it yourself: pip install "edgecnn[onnx]"',
)
_PROGRAM = "onnxruntime_program.py"
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model.

    Attributes:
        name: in the file.
        type: NumPy's; None for one that images and texts can't have.
        shape: sizes; a name, or None, where one is open.
    """

    name: str
    type: Any
    shape: tuple[Any, ...]


class Session(Served):
    """A model, in a process that ends with this object.

    Args:
        path: of the `.onnx` file; the files beside it that hold its weights belong to it.
        progress: told when the environment is made.

    Raises:
        ModelFileError: there is no such file, a weights file is missing or lies elsewhere, or ONNX Runtime refuses it.
        MissingExtraError: ONNX Runtime can't be installed.
    """

    def __init__(self, path: Path, progress: Progress = silent) -> None:
        if not path.is_file():
            raise ModelFileError(f"There is no model {path}. Check the path.")
        external_files(path)  # refuses what lies elsewhere
        super().__init__(path, _command(path, progress))
        told = json.loads(self.ask()[0].tobytes().decode())
        self.inputs, self.outputs = (tuple(_tensor(each) for each in told[name]) for name in ("inputs", "outputs"))

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Its inputs, in order -> its outputs.

        Raises:
            ModelFileError: ONNX Runtime gives up; the message says why.
        """
        return self.ask(*(np.asarray(array, each.type) for array, each in zip(arrays, self.inputs)))


def _command(path: Path, progress: Progress) -> list[str]:
    words = [str(path.resolve())]
    if all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime")):
        return [sys.executable, "-I", str(environment.PROGRAMS / _PROGRAM), *words]
    return ENVIRONMENT.command(_PROGRAM, words, progress)


def _tensor(told: dict[str, Any]) -> Tensor:
    return Tensor(str(told["name"]), _TYPES.get(told["type"]), tuple(told["shape"]))
