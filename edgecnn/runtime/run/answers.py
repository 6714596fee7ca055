"""What a model says of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import OutputValueError, PictureError
from ..model.model_file import ModelFile
from ..tasks import Answer
from .engine import Engine
from .preprocess import read_picture


def answer(engine: Engine, picture: np.ndarray, count: int = 5, order: str = "bgr") -> list[Answer]:
    """The surest answers for one image, uint8 (height, width, 3) in the channel order `order`."""
    outputs = engine.real(engine.invoke(engine.prepare(picture, order)))
    return engine.task.answered(outputs, engine.contract, count)


def answer_files(file: ModelFile, paths: list[str], count: int = 5, threads: int | None = None) -> list[dict[str, Any]]:
    """The same for image files; one that can't be read gets an `error` instead of answers."""
    engine = Engine(file, threads)
    return for_each(paths, lambda number, picture: {engine.task.answers_key: answer(engine, picture, count)})


def for_each(paths: list[str], look: Callable[[int, np.ndarray], dict[str, Any]]) -> list[dict[str, Any]]:
    """What `look` finds in each image file, by its number; `error` for one that can't be read or understood."""
    results = []
    for number, path in enumerate(paths):
        try:
            found = look(number, read_picture(path))
        except PictureError as error:
            found = {"error": str(error)}
        except OutputValueError as error:
            found = {"error": f"{path}: {error}"}
        results.append({"path": path, **found})
    return results
