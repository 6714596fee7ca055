"""Number folders in the order of Keras, which sorts their names as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from edgecnn.core.statistics import in_top
from edgecnn.data.class_names import in_keras_order, keras_order


def folder_order_doubts(classes: Mapping[str, int], truth: Sequence[int], scores: np.ndarray) -> tuple[str, ...]:
    """Numbered folders of a model without labels: say so where Keras's order (1, 10, 2) fits clearly better.

    Args:
        classes: output index of each class of the data.
        truth: output index of each image's class.
        scores: of the float model, (images, outputs).
    """
    ordered = keras_order(classes)
    in_that_order = {classes[name]: place for place, name in enumerate(ordered)}
    if all(index == place for index, place in in_that_order.items()):
        return ()
    ours = in_top(scores, np.asarray(truth), 1)
    keras = in_top(scores, np.asarray([in_that_order[index] for index in truth]), 1)
    better, worse = int((keras & ~ours).sum()), int((ours & ~keras).sum())
    if better - worse <= 2 * math.sqrt(better + worse):  # about 95 %, as McNemar's test has it
        return ()
    return (
        f"With the folders in Keras's order ({in_keras_order(ordered)}), the float model is right on "
        f"{100 * keras.mean():.1f} % of the images instead of {100 * ours.mean():.1f} %. If it was trained with "
        "that order, give the labels in that order with --labels FILE: one folder name per line.",
    )
