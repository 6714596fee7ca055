"""What a detector finds in images, in their own pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PictureError
from ..model.model_file import ModelFile
from ..opencv import opencv
from ..tasks import Answer
from .answers import for_each
from .engine import Engine


def detect(
    engine: Engine, picture: np.ndarray, threshold: float = 0.3, most: int = 100, order: str = "bgr"
) -> list[Answer]:
    """Boxes in one image, the surest first, see `Detection.answers`; `pixels` is left, top, right, bottom in it.

    Args:
        engine: of a detector.
        picture: uint8 (height, width, 3).
        threshold: least score.
        most: how many boxes at most.
        order: channel order of the image.
    """
    values = engine.interpret(engine.invoke(engine.prepare(picture, order)))
    return engine.task.located(values[values[:, 5] >= threshold][:most], engine.contract, *picture.shape[:2])


def detect_files(
    file: ModelFile,
    paths: list[str],
    threshold: float = 0.3,
    most: int = 100,
    threads: int | None = None,
    folder: str | None = None,
) -> list[dict[str, Any]]:
    """The same for image files; one that can't be read gets an `error` instead of boxes.

    Args:
        file: a detector.
        paths: of the images.
        threshold: least score.
        most: how many boxes at most.
        threads: processor threads.
        folder: for copies with the boxes drawn in, PNG; None for none.
    """
    engine = Engine(file, threads)

    def look(number: int, picture: np.ndarray) -> dict[str, Any]:
        found: dict[str, Any] = {"boxes": detect(engine, picture, threshold, most)}
        if folder is not None:
            canvas = picture.copy()
            engine.task.draw(canvas, found["boxes"], engine.task.caption(found["boxes"]), engine.contract)
            found["drawn"] = write_drawn(canvas, folder, number, paths[number])
        return found

    return for_each(paths, look)


def write_drawn(canvas: np.ndarray, folder: str | Path, number: int, name: str) -> str:
    """Write what was drawn on a copy of the image `name`, the `number`th, as PNG; the path.

    Raises:
        PictureError: it can't be written.
    """
    path = Path(folder) / f"{number}_{Path(name).stem}.png"
    if path.parent.is_file():
        raise PictureError(f"Can't write drawings into {folder}: it is a file. Give a folder.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _, encoded = opencv().imencode(".png", canvas)
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise PictureError(f"Can't write {path}: {error.strerror}.") from error
    return str(path)
