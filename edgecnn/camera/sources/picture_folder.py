"""A folder of images, or a single one: each is shown for a second."""

from __future__ import annotations

import time
from pathlib import Path

from edgecnn.camera.source import CorruptFrame, Shot, SourceEnded, Wish
from edgecnn.core.errors import CameraError
from edgecnn.runtime.errors import PictureError
from edgecnn.runtime.run.decode import read_picture
from edgecnn.runtime.run.image_header import SUFFIXES

EXAMPLE = "a folder of images"


class PictureFolder:
    """Pictures in the order of their names."""

    live = False
    fps = 1.0

    def __init__(self, paths: list[Path], name: str) -> None:
        self._paths = iter(paths)
        self.name = name

    def read(self) -> Shot:
        """The next image."""
        start = time.monotonic()
        path = next(self._paths, None)
        if path is None:
            raise SourceEnded(f"{self.name}: all images were shown")
        try:
            return Shot(read_picture(path), start, name=path.name)
        except PictureError as error:
            raise CorruptFrame(str(error)) from error

    def close(self) -> None:
        """Nothing is held open."""


def is_picture(path: Path) -> bool:
    """By its suffix."""
    return path.suffix.lower() in SUFFIXES


def matches(address: str) -> bool:
    """Whether the address is a folder or an image."""
    path = Path(address)
    return path.is_dir() or (path.is_file() and is_picture(path))


def open_source(address: str, wish: Wish) -> PictureFolder:
    """List the images, also those in subfolders."""
    folder = Path(address)
    paths = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if is_picture(path))
    if not paths:
        raise CameraError(
            f"The folder {address} holds no image; expected files ending in {', '.join(sorted(SUFFIXES))}."
        )
    return PictureFolder(paths, folder.name or str(folder.resolve()))
