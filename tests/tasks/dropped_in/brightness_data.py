"""`brightness:FOLDER`: images annotated with their mean, 0 to 1."""

import cv2

from edgecnn.data import DataSet, FileExample

SYNTAX = "brightness:FOLDER"


def accepts(spec):
    return spec.startswith("brightness:")


def open_data(spec):
    from pathlib import Path

    paths = sorted(Path(spec.partition(":")[2]).glob("*.png"))
    examples = [FileExample(path, path.name, annotation=float(cv2.imread(str(path)).mean()) / 255) for path in paths]
    return DataSet(spec, tuple(examples), task="brightness")
