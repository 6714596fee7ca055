"""Folders of images with annotations beside them, told apart from folders of classes by a cheap look."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from edgecnn.core.errors import DataError
from edgecnn.data.layout import split_named
from edgecnn.data.listing import images_below, is_junk, printable
from edgecnn.runtime.run.image_header import SUFFIXES

COCO, VOC, YOLO = "coco", "voc", "yolo"
NAME_FILES = ("classes.txt", "obj.names", "labels/classes.txt")
"""Of YOLO's classes, where no data.yaml names them."""
ANNOTATION_FOLDERS = ("annotations", "annotation")
_SNIFFED_BYTES = 1 << 16
_SNIFFED_FILES = 50
_COCO = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_NOT_BOXES = ("captions", "image_info", "panoptic", "stuff")
_NAMES = re.compile(rb"^names\s*:", re.MULTILINE)
_WRAPPERS = 4


def annotation_format(spec: str | Path) -> tuple[str, Path] | None:
    """The format of a folder's annotations and the folder that they are in, perhaps below folders that hold nothing
    else; None for a folder without any.
    """
    folder = Path(spec)
    try:
        for _ in range(_WRAPPERS):
            if not folder.is_dir():
                return None
            for name, is_there in _FORMATS.items():
                if is_there(folder):
                    return name, folder
            inner = [each for each in folder.iterdir() if not is_junk(each.name)]
            if len(inner) != 1:
                return None
            folder = inner[0]
    except OSError:
        return None
    return None


def _places(folder: Path) -> Iterator[Path]:
    """The folder, its folder of annotations, and its folders of splits."""
    yield folder
    for each in sorted(folder.iterdir()):
        if each.is_dir() and (each.name.casefold() in ANNOTATION_FOLDERS or split_named(each.name)):
            yield each


def coco_files(folder: Path) -> list[Path]:
    """The JSON files of a folder that are COCO's annotations of boxes, by what they begin with."""
    found = [
        path
        for place in _places(folder)
        for path in sorted(place.glob("*.json"))[:_SNIFFED_FILES]
        if not path.name.startswith(_NOT_BOXES) and _COCO.search(_beginning(path))
    ]
    instances = [path for path in found if path.name.startswith("instances")]
    return instances or found


def voc_files(folder: Path) -> list[Path]:
    """The XML files of a folder that may be Pascal VOC's annotations; the first one is."""
    files = [path for place in _places(folder) for path in sorted(place.iterdir()) if path.suffix.lower() == ".xml"]
    return files if any(b"<annotation" in _beginning(path) for path in files[:_SNIFFED_FILES]) else []


def data_yaml(folder: Path) -> Path | None:
    """The file that describes a data set in YOLO's format: YAML with `names`."""
    files = [path for pattern in ("*.yaml", "*.yml") for path in sorted(folder.glob(pattern))[:_SNIFFED_FILES]]
    return next((path for path in files if is_data_yaml(path)), None)


def is_data_yaml(path: Path) -> bool:
    """Whether a file has a line `names:`."""
    return path.suffix.lower() in (".yaml", ".yml") and bool(_NAMES.search(_beginning(path)))


def _is_yolo(folder: Path) -> bool:
    """It has a data.yaml, text files beside images and names of classes, or text files in `labels` beside `images`."""
    if data_yaml(folder) or _has_texts_beside(folder):
        return True
    return any((place / "images").is_dir() and _has_texts(place / "labels") for place in _places(folder))


def _has_texts_beside(folder: Path) -> bool:
    """As labelImg writes them."""
    if not any((folder / name).is_file() for name in NAME_FILES):
        return False
    stems = {path.stem for path in folder.glob("*.txt")}
    return any(path.stem in stems and path.suffix.lower() in SUFFIXES for path in folder.iterdir())


def _has_texts(labels: Path) -> bool:
    return labels.is_dir() and (any(labels.glob("*.txt")) or any(labels.glob("*/*.txt")))


_FORMATS: dict[str, Callable[[Path], bool]] = {
    COCO: lambda folder: bool(coco_files(folder)),
    YOLO: _is_yolo,
    VOC: lambda folder: bool(voc_files(folder)),
}


def _beginning(path: Path) -> bytes:
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            return stream.read(_SNIFFED_BYTES)
    except OSError:
        return b""


class ImageIndex:
    """The images below a folder, by the names that annotations call them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = tuple(images_below(root, Counter(), frozenset()))
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path in self.paths:
            self._by_name.setdefault(path.name, []).append(path)
            self._by_stem.setdefault(path.stem, []).append(path)

    def find(self, name: str, near: Path, hint: str = "") -> Path | None:
        """The image of a name; None where there is none.

        Args:
            name: file name, perhaps with folders; of others' computers too, so only its end has to match.
            near: the annotation file: of several images the one next to it is meant.
            hint: name of a split: else the one in the folder of that name.

        Raises:
            DataError: several images have that name.
        """
        parts = PurePosixPath(name.replace("\\", "/")).parts
        found = self._by_name.get(parts[-1], []) if parts else []
        for length in range(len(parts), 0, -1):
            ends = [path for path in found if path.parts[-length:] == parts[-length:]]
            if ends:
                return self._nearest(ends, near, hint, name)
        return None

    def beside(self, annotation: Path) -> Path | None:
        """The image whose name differs from an annotation file's in the suffix only; errors as of `find`."""
        found = self._by_stem.get(annotation.stem)
        return self._nearest(found, annotation, "", annotation.stem) if found else None

    def _nearest(self, paths: list[Path], near: Path, hint: str, name: str) -> Path:
        if len(paths) == 1:
            return paths[0]
        for chosen in (
            [path for path in paths if near.parent in path.parents],
            [path for path in paths if hint and split_named(path.parent.name) == hint],
            [path for path in paths if near.parent.parent in path.parents],
        ):
            if len(chosen) == 1:
                return chosen[0]
        raise DataError(
            f"{printable(near.name)} names the image {printable(name)}, and {len(paths)} images below "
            f"{printable(str(self.root))} have that name. Rename them, or give each split by its own path."
        )
