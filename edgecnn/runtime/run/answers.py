"""What a model says of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import OutputValueError, PictureError
from ..model.model_file import ModelFile
from ..tasks import Answer
from .engine import Engine
from .preprocess import read_picture


def answer(engine: Engine, picture: np.ndarray, count: int = 5, order: str = "bgr") -> list[Answer]:
    """The surest answers for one image, uint8 (height, width, 3) in the channel order `order`."""
    values = engine.interpret(engine.invoke(engine.prepare(picture, order)))
    return engine.task.answers(values, engine.contract, count)


def answer_files(file: ModelFile, paths: list[str], count: int = 5, threads: int | None = None) -> list[dict[str, Any]]:
    """The same for image files; one that can't be read gets an `error` instead of answers."""
    engine = Engine(file, threads)
    results: list[dict[str, Any]] = []
    for path in paths:
        try:
            found: dict[str, Any] = {engine.task.answers_key: answer(engine, read_picture(path), count)}
        except PictureError as error:
            found = {"error": str(error)}
        except OutputValueError as error:
            found = {"error": f"{path}: {error}"}
        results.append({"path": path, **found})
    return results
