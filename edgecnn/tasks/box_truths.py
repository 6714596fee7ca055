"""The truth of an image for a detector: its boxes where the fitted image has them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgecnn.data.boxes import Boxes
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.tasks.detection import seen
from edgecnn.tasks.average_precision import CROWD, DIFFICULT
from edgecnn.tasks.box_targets import NO_CLASS

COLUMNS = 8
"""Of a truth: y0, x0, y1, x1 as shares of the model's input, class, flag (see `average_precision`), height and width of
what the input shows of the image, padding included, in the image's pixels."""


def truth_rows(boxes: Boxes, indices: Mapping[str, int], preprocessing: Preprocessing) -> np.ndarray:
    """The truth of one image; a box is where the fitted image has it. Without boxes one row tells the size."""
    rows, columns = seen(preprocessing, round(boxes.height), round(boxes.width))
    top, left = (boxes.height - rows) / 2, (boxes.width - columns) / 2
    found = np.zeros((max(len(boxes.boxes), 1), COLUMNS), np.float32)
    found[:, 4] = NO_CLASS
    found[:, 6:] = rows, columns
    for row, box in zip(found, boxes.boxes):
        x0, y0, x1, y1 = box.corners
        row[:4] = (y0 - top) / rows, (x0 - left) / columns, (y1 - top) / rows, (x1 - left) / columns
        row[4], row[5] = indices[box.label], CROWD if box.crowd else DIFFICULT if box.difficult else 0
    return found
