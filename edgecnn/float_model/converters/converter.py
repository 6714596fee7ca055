"""ONNX models and exported PyTorch programs as float `.tflite` files, and their own runtimes as float reference."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.cache import cached
from edgecnn.core.errors import ModelFileError, UntrustedModelError
from edgecnn.core.files import file_sha256, sha256
from edgecnn.core.progress import Progress, silent
from edgecnn.core.text import printable
from edgecnn.float_model.converters.environment import Environment, variables
from edgecnn.float_model.converters.external_data import external_files
from edgecnn.float_model.converters.served import Served, last_line

NOTES = "notes.json"
_REFUSED = 3  # exit status of a program that says why on standard error
_TIMEOUT_S = 3600
_BY_HAND = "Or convert the model by hand and give the float .tflite"
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"ERROR: |[\w.]*(Error|Exception)\b")


@dataclass(frozen=True)
class Converter:
    """How one kind of file is converted.

    Attributes:
        words: what such a file is, for messages.
        environment: what the program needs.
        program: a file of `programs`.
        runs_code: whether loading such a file may run code that it carries; then `--trust` is needed.
        beside: the files that such a file needs beside it.
    """

    words: str
    environment: Environment
    program: str
    runs_code: bool = False
    beside: Callable[[Path], list[Path]] = lambda path: []


@dataclass(frozen=True)
class Converted:
    """A float `.tflite` and where it came from.

    Attributes:
        path: of the `.tflite`, in the cache.
        origin: for the provenance: the file's name and digest, the converter and its version, and what was found.
    """

    path: Path
    origin: dict[str, Any]


CONVERTERS: dict[str, Converter] = {
    ".onnx": Converter(
        "an ONNX model",
        Environment("onnx2tf", ("onnx2tf==1.29.24",), 3 << 30, f"{_BY_HAND}: onnx2tf -i MODEL.onnx"),
        "onnx_program.py",
        beside=external_files,
    ),
    ".pt2": Converter(
        "an exported PyTorch program",
        Environment(
            "litert-torch", ("litert-torch==0.10.0",), 8 << 30, f"{_BY_HAND}: litert_torch.convert(...).export(FILE)"
        ),
        "pt2_program.py",
        runs_code=True,  # torch.export.load unpickles weights, constants and example inputs
    ),
}
"""By the ending of the file's name."""


def converted(
    path: Path, *, trust: bool = False, input_size: int | None = None, progress: Progress = silent
) -> Converted:
    """Convert a model, or take what was converted before.

    Args:
        path: of a file whose ending is in `CONVERTERS`.
        trust: let the file run code, in a process of its own.
        input_size: height and width where the model leaves them open.
        progress: called with (stage, done, total).

    Raises:
        ModelFileError: the converter refuses the model; the message names the operator where it does.
        UntrustedModelError: loading it may run code, and `trust` is False.
        MissingExtraError: the converter can't be installed.
    """
    converter, files = check_source(path, trust=trust)
    digests = {str(file.relative_to(path.parent)): file_sha256(file) for file in files}
    basis = [digests, input_size, path.stem, converter.environment.requirements]
    key = sha256(json.dumps(basis).encode())[:24]

    def fill(folder: Path) -> None:
        words = ["convert", str(path.absolute()), str(folder), *([str(input_size)] if input_size else [])]
        command = converter.environment.command(converter.program, words, progress)
        progress(f"Converting {path.name} by {converter.environment.name}", 0, 0)
        _call(command, folder, path, converter)
        (folder / "model.tflite").rename(folder / f"{path.stem}.tflite")

    def read(folder: Path) -> Converted:
        notes = json.loads((folder / NOTES).read_text())
        file = folder / f"{path.stem}.tflite"
        file.stat()
        external = {name: digest for name, digest in digests.items() if name != path.name}
        origin = {"file": path.name, "sha256": digests[path.name], **({"weights": external} if external else {})}
        return Converted(file, {**origin, **notes})

    return cached(f"converted-{key}", 4 * sum(file.stat().st_size for file in files), read, fill)


def check_source(path: Path, *, trust: bool) -> tuple[Converter, list[Path]]:
    """Refuse a model before any library opens it; gives its converter and `files_of`.

    Raises:
        UntrustedModelError: loading it may run code, and `trust` is False.
        ModelFileError: as of `files_of`.
    """
    converter = CONVERTERS[path.suffix.lower()]
    if converter.runs_code and not trust:
        raise UntrustedModelError(
            f"{path} is {converter.words}: loading it may run code that it carries. It was not loaded. With --trust "
            "(in a recipe: trust = true) it is loaded in a process of its own, which can do what you can: is its "
            "source worth that?"
        )
    return converter, files_of(path)


def files_of(path: Path) -> list[Path]:
    """The file of a model, and those beside it that hold its weights.

    Args:
        path: of a file whose ending is in `CONVERTERS`.

    Raises:
        ModelFileError: one is missing, or lies outside of the model's folder.
    """
    return [path, *CONVERTERS[path.suffix.lower()].beside(path)]


class Runner(Served):
    """A model behind its own runtime (ONNX Runtime, PyTorch), in a process that ends with this object.

    Args:
        path: of a file whose ending is in `CONVERTERS`.
        trust: let the file run code, in that process.

    Raises:
        UntrustedModelError: loading it may run code, and `trust` is False.
        ModelFileError: a weights file is missing, or lies outside of the model's folder.
        MissingExtraError: the environment can't be made.
    """

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        converter, _ = check_source(path, trust=trust)
        super().__init__(path, converter.environment.command(converter.program, ["run", str(path.absolute())], silent))

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """float32 (images, height, width, channels), as the model's input -> its outputs, (images, ...) each.

        Raises:
            ModelFileError: the runtime gives up; the message says why.
        """
        return self.ask(np.asarray(images, np.float32))


def _call(command: list[str], folder: Path, path: Path, converter: Converter) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", cwd=folder, env=variables(), timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(f"{path}: {converter.environment.name} did not end within {_TIMEOUT_S} s.") from error
    if done.returncode == _REFUSED:
        raise ModelFileError(f"{path} {last_line(done.stderr)}")
    if done.returncode or not (folder / NOTES).exists():
        reason = _reason(done.stdout, done.stderr)
        raise ModelFileError(
            f"{converter.environment.name} can't convert {path}: {reason} Export it again with "
            "another opset, or without the operation that is named."
        )


def _reason(*outputs: str) -> str:
    """What a library says of its failure, amid what else it says."""
    lines = [_COLORS.sub("", line).strip() for text in outputs for line in text.splitlines()]
    errors = [line.removeprefix("ERROR: ") for line in lines if _ERROR.match(line)]
    return printable(" ".join(errors))[:400].rstrip(".") + "." if errors else last_line(outputs[-1])
