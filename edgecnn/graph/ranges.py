"""Calibration: the range of every activation over some images.

TensorFlow's calibrator runs on one slow thread, and records some tensors after an addition was computed in their place
(the ranges of residual branches come out too wide). Here every activation is an output of the float model, run by
LiteRT's fast kernels on all cores, so each range is what the tensor really held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgecnn.graph.activations import Inputs, Read, Visit, activations, visit_activations
from edgecnn.graph.edit import Ranges
from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.model.tflite import parse


def activation_ranges(
    model: bytes,
    inputs: Inputs,
    done: Callable[[int], None] = lambda count: None,
    visits: Sequence[Visit] = (),
) -> Ranges:
    """(min, max) of the input and of every activation.

    Args:
        model: float `.tflite`.
        inputs: input tensors, float32 (1, height, width, channels).
        done: called with the number of inputs finished so far.
        visits: what else looks at the activations on the way.

    Raises:
        ModelFileError: an activation is NaN or infinite.
    """
    graph = parse(model).graph
    tensors = [graph.inputs[0], *activations(graph)]
    found: list[np.ndarray] = []

    def extremes(number: int, read: Read) -> None:
        found.append(np.array([(values.min(), values.max()) for values in map(read, tensors)]))

    visit_activations(model, inputs, [extremes, *visits], done)
    lows, highs = np.min(found, axis=0)[:, 0], np.max(found, axis=0)[:, 1]
    bad = np.flatnonzero(~(np.isfinite(lows) & np.isfinite(highs)))
    if len(bad):
        raise ModelFileError(
            f"The activation {graph.tensors[tensors[bad[0]]].name!r} of the float model is NaN or infinite for "
            "some calibration images. Common causes: a logarithm or a division by zero inside the model, or a "
            "wrongly scaled input. Check the model, and --mean and --std."
        )
    return {index: (float(low), float(high)) for index, low, high in zip(tensors, lows, highs)}
