"""What is on a picture: the best classes of a model, by its contract."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..model.contract import Contract
from ..model.model_file import ModelFile
from ..run.engine import Engine
from ..run.preprocess import read_picture


class Contracted(Protocol):
    """An engine, or anything else that has a contract."""

    @property
    def contract(self) -> Contract:
        """How to use it."""


def top(probabilities: np.ndarray, engine: Contracted, count: int = 5) -> list[dict[str, Any]]:
    """The best classes, best first; a tie goes to the lower index.

    Returns:
        One dictionary each: index, label, id (WordNet id or None), probability.
    """
    count = min(count, len(probabilities))
    candidates = np.flatnonzero(probabilities >= np.partition(probabilities, -count)[-count])
    order = candidates[np.argsort(-probabilities[candidates], kind="stable")][:count]
    ids = engine.contract.label_ids
    return [
        {
            "index": int(index),
            "label": engine.contract.label(int(index)),
            "id": ids[index] if index < len(ids) else None,
            "probability": round(float(probabilities[index]), 6),
        }
        for index in order
    ]


def classify(engine: Engine, picture: np.ndarray, count: int = 5, order: str = "bgr") -> list[dict[str, Any]]:
    """The best classes of one picture, uint8 (height, width, 3) in the channel order `order`."""
    return top(engine.probabilities(engine.prepare(picture, order)), engine, count)


def classify_files(
    file: ModelFile, paths: list[str], count: int = 5, threads: int | None = None
) -> list[dict[str, Any]]:
    """Classify picture files; a picture that can't be read gets an `error` instead of `classes`."""
    from ..errors import PictureError

    engine = Engine(file, threads)
    results: list[dict[str, Any]] = []
    for path in paths:
        try:
            answer: dict[str, str | list[dict[str, Any]]] = {"classes": classify(engine, read_picture(path), count)}
        except PictureError as error:
            answer = {"error": str(error)}
        results.append({"path": path, **answer})
    return results
