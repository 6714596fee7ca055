"""The Python API: what the commands do, as functions.

import edgecnn

model = edgecnn.build("efficientnet_lite0", weights="imagenet")
edgecnn.quantize(model, "lite0.tflite")
edgecnn.load("lite0.tflite").classify("cat.jpg")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.answers import answer
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import read_picture

__all__ = ["Classifier", "build", "load", "profile", "quantize", "run", "verify"]


class Classifier:
    """A `.tflite` model that is ready to use."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def contract(self) -> Contract:
        """How pictures become its input, its labels, where it came from, what was measured."""
        return self.engine.contract

    def classify(self, image: str | Path | np.ndarray, count: int = 5) -> list[dict[str, Any]]:
        """The best classes, best first: dictionaries with index, label, id and probability.

        Args:
            image: a picture file, or uint8 (height, width, 3) in red-green-blue order.
            count: how many classes.

        Raises:
            PictureError: the picture can't be read.
        """
        if isinstance(image, np.ndarray):
            return answer(self.engine, image, count, order="rgb")
        return answer(self.engine, read_picture(image), count)


def load(path: str | Path, *, labels: str | Path | None = None, threads: int | None = None) -> Classifier:
    """Open a `.tflite` model, ours or by others.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
        CrashError: the runtime can't take it; found out in a child process, so that this one lives on.
    """
    file = model_file.read(path, labels)
    if not file.sealed:
        guard.try_out(file)
    return Classifier(Engine(file, threads))


def build(name: str, **options: Any) -> tuple[Any, Contract]:
    """A Keras model by name, with its contract; see `edgecnn.builder.build_model`."""
    from edgecnn.builder import build_model

    return build_model(name, **options)


def quantize(model: Any, output: str | Path, **options: Any) -> model_file.ModelFile:
    """Convert a model to an artifact; see `edgecnn.quantization.quantize`."""
    from edgecnn.quantization import quantize as stage

    return stage(model, output, **options)


def verify(model: str | Path, against: Any, data: str, **options: Any) -> Any:
    """Compare an artifact with its float model; see `edgecnn.verification.verify`."""
    from edgecnn.verification import verify as stage

    return stage(model, against, data, **options)


def profile(model: str | Path, device: str = "local", **options: Any) -> Any:
    """Measure an artifact on a device; see `edgecnn.profiling.profile`."""
    from edgecnn.profiling import profile as stage

    return stage(model, device, **options)


def run(recipe: str | Path, **options: Any) -> Any:
    """Run a recipe, resuming where it was stopped; see `edgecnn.recipe.run.run`."""
    from edgecnn.recipe.run import run as stage

    return stage(recipe, **options)
