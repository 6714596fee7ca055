"""YOLO's text files, one per image, with a data.yaml: as Ultralytics, Roboflow, CVAT and Label Studio write them.

Format: https://docs.ultralytics.com/datasets/detect/ : a line per object, `class x y width height`, all four as shares
of the image and x, y the center; a polygon instead of a box becomes the box around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.annotated import NAME_FILES, YOLO, ImageIndex, annotation_format, data_yaml, is_data_yaml
from edgecnn.data.boxes import Box, Findings, box_data, box_data_of_splits, box_example, image_size
from edgecnn.data.dataset import DataSet, FileExample
from edgecnn.data.flat_yaml import Value, read_flat_yaml
from edgecnn.data.layout import TEST, TRAIN, VALIDATION, split_named
from edgecnn.data.listing import printable
from edgecnn.runtime.regular_file import read_regular

SYNTAX = "a data.yaml of YOLO, or a folder with one"
_KEYS = {"train": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "test": TEST}
_MOST_BYTES = 64 << 20
_BOX_NUMBERS = 4
_IMAGES, _LABELS = "images", "labels"


def accepts(spec: str) -> bool:
    """Whether the path is a data.yaml, or a folder in that format."""
    path = Path(spec)
    if path.is_dir():
        found = annotation_format(path)
        return found is not None and found[0] == YOLO
    return is_data_yaml(path)


def open_data(spec: str) -> DataSet:
    """Read the text files of all images; an image without one is background.

    Raises:
        DataError: data.yaml or a text file is damaged, a class has no name, or there are no images or boxes.
    """
    path = Path(spec)
    _, root = annotation_format(spec) or ("", path.parent)
    described = path if path.is_file() else data_yaml(root)
    values = read_flat_yaml(described) if described else {}
    names, findings = _names(values, root), Findings()
    splits = _splits(values, root, findings)
    numbers = _BOX_NUMBERS if "kpt_shape" in values else None  # keypoints follow, in a pose data set
    named = {split: f"{spec}: {split}" for split in splits} or {"": spec}
    splits = splits or {"": list(ImageIndex(root).paths)}
    found = {split: _read(root, paths, names, named[split], numbers) for split, paths in splits.items()}
    _find_labels_without_image([path for paths in splits.values() for path in paths], root, findings)
    data = next(iter(found.values())) if len(found) == 1 else box_data_of_splits(spec, found)
    return replace(data, notes=(*findings.notes(spec), *data.notes))


def _names(values: dict[str, Value], root: Path) -> list[str]:
    """Of the classes by number; as text where nothing says them."""
    names = values.get("names")
    if isinstance(names, dict):
        try:
            numbered = {int(key): value for key, value in names.items()}
        except ValueError as error:
            raise DataError(f"{root}: data.yaml has names under keys that are no numbers: {error}.") from error
        if any(not 0 <= number < 100_000 for number in numbered):
            raise DataError(f"{root}: data.yaml numbers its names from {min(numbered)} to {max(numbered)}.")
        return [printable(numbered.get(number, str(number))) for number in range(max(numbered, default=-1) + 1)]
    if isinstance(names, list):
        return list(map(printable, names))
    file = next((root / name for name in NAME_FILES if (root / name).is_file()), None)
    return [printable(line.strip()) for line in _text(file).splitlines() if line.strip()] if file else []


def _splits(values: dict[str, Value], root: Path, findings: Findings) -> dict[str, list[Path]]:
    """Images of each split that data.yaml names; of the folders of that name where it names none that is there.

    Raises:
        DataError: the validation or test images that data.yaml names are there, and the training images are not.
    """
    base = values.get("path")
    roots = [root / base, root, root.parent / base] if isinstance(base, str) and base else [root]
    found: dict[str, list[Path]] = {}
    missing: dict[str, str] = {}
    for key, split in _KEYS.items():
        given = values.get(key, "")
        places = [str(text) for text in ([given] if isinstance(given, str) else given) if text]
        paths = [path for place in places for path in _images_of(place, roots, findings)]
        if paths and split not in found:
            found[split] = paths
        elif places and not paths:
            missing[split] = f"{key}: {places[0]}"
    if found and TRAIN in missing:
        raise DataError(
            f"{root}: data.yaml says {printable(missing[TRAIN])}, and there are no images; expected a folder, or a "
            "text file that lists images, below that of data.yaml."
        )
    for folder in [] if found else _folders(root):
        name = split_named(folder.name)
        if name and name not in found and (paths := list(ImageIndex(folder).paths)):
            found[name] = paths
    for split, said in missing.items():
        if split not in found:
            findings.add("splits of data.yaml have no images", printable(said))
    return found


def _folders(root: Path) -> list[Path]:
    return sorted(
        each for place in (root, root / _IMAGES) if place.is_dir() for each in place.iterdir() if each.is_dir()
    )


def _images_of(place: str, roots: list[Path], findings: Findings) -> Iterator[Path]:
    """Images of a folder, or those that a text file lists; `../train/images` is written by Roboflow for its own."""
    inside = place.replace("\\", "/")
    while inside.startswith("../"):
        inside = inside[3:]
    target = next((path for root in roots for path in (root / place, root / inside) if path.exists()), None)
    if target is None:
        return
    if target.is_dir():
        yield from ImageIndex(target).paths
        return
    for listed in filter(None, map(str.strip, _text(target).splitlines())):
        path = next((each for root in (target.parent, *roots) if (each := root / listed).is_file()), None)
        if path is None:
            findings.add(f"images that {printable(target.name)} lists aren't there", printable(listed))
        else:
            yield path


def _find_labels_without_image(images: list[Path], root: Path, findings: Findings) -> None:
    """Text files in folders of labels of whose name no image is."""
    folders = {labels.parent for image in images if (labels := _labels(image)).parent != image.parent}
    stems = {image.stem for image in images} | {Path(name).stem for name in NAME_FILES}
    lonely = [text for folder in sorted(folders) for text in sorted(folder.glob("*.txt")) if text.stem not in stems]
    others = {image.stem for image in ImageIndex(root).paths} if lonely else set()
    for text in lonely:
        if text.stem not in others:
            findings.add("label files are of images that aren't there", printable(text.name))


def _text(path: Path) -> str:
    try:
        return read_regular(path, _MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        raise DataError(f"Can't read {path}: {error.strerror}.") from error


def _read(root: Path, paths: Sequence[Path], names: list[str], name: str, numbers: int | None) -> DataSet:
    findings = Findings()
    examples = [example for path in paths if (example := _example(path, root, names, numbers, findings))]
    return box_data(name, examples, names, findings.notes(name))


def _example(path: Path, root: Path, names: list[str], numbers: int | None, findings: Findings) -> FileExample | None:
    size = image_size(path)
    if size is None:
        findings.add("images have no readable header and are left out", printable(path.name))
        return None
    labels = _labels(path)
    lines = _text(labels).splitlines() if labels.is_file() else []
    boxes = [_box(line, size, names, numbers, labels, row) for row, line in enumerate(lines, 1) if line.strip()]
    return box_example(path, root, boxes, size, findings)


def _labels(image: Path) -> Path:
    """The text file of an image: in `labels` instead of the last `images` of its path, or beside it."""
    parts = list(image.parts)
    places = [number for number, part in enumerate(parts[:-1]) if part == _IMAGES]
    if places:
        parts[places[-1]] = _LABELS
    return Path(*parts).with_suffix(".txt")


def _box(line: str, size: tuple[int, int], names: list[str], numbers: int | None, path: Path, row: int) -> Box:
    try:
        number, *values = line.split()
        shares = [float(value) for value in values[:numbers]]
        index = int(float(number))
    except (ValueError, OverflowError) as error:  # the class may be infinite
        raise DataError(f"{path}, line {row}: {error}; expected class x y width height.") from error
    if names and not 0 <= index < len(names):
        raise DataError(
            f"{path}, line {row}: the class is {index}; data.yaml names {len(names)}, 0 to {len(names) - 1}."
        )
    label = names[index] if names else str(index)
    if len(shares) in (4, 5):  # the fifth is a confidence
        x, y, width, height = shares[:4]
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    elif len(shares) >= 6 and len(shares) % 2 == 0:
        corners = (min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2]))
    else:
        raise DataError(f"{path}, line {row} has {len(shares)} numbers after the class; expected x y width height.")
    return Box(label, (corners[0] * size[0], corners[1] * size[1], corners[2] * size[0], corners[3] * size[1]))
