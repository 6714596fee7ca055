"""What the heads of all detectors have in common: their last convolutions, and the rows of values that these become."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError

COCO_CLASSES = 80
TASK, OUTPUT = "detection", "boxes_and_logits"
"""Of the contract: corrections of anchors, and a logit for each class that is not the background."""
PRIOR = 0.01  # of an object at an anchor, before training: RetinaNet, arXiv:1708.02002, section 4.1
BOXES, CLASSES = "box", "class"
OWN = ("level", "extra", "pyramid", "head")
"""How the names of layers begin that the backbone hasn't."""


def last(filters: int, name: str, what: str) -> Any:
    """A 1x1 convolution that gives corrections, or logits, which begin at `PRIOR`; call it for one map or several.

    Args:
        filters: values of all anchors of a cell.
        name: of the layer, without `_conv`.
        what: BOXES or CLASSES.
    """
    bias = -math.log((1 - PRIOR) / PRIOR) if what == CLASSES else 0.0
    normal = keras.initializers.TruncatedNormal(stddev=0.03)
    start = keras.initializers.Constant(bias)
    return keras.layers.Conv2D(
        filters, 1, padding="same", name=f"{name}_conv", kernel_initializer=normal, bias_initializer=start
    )


def joined(maps: Sequence[Any], what: str, values: int) -> Any:
    """All maps one after the other, (batch, anchors, values)."""
    rows = [
        keras.layers.Reshape((x.shape[1] * x.shape[2] * (x.shape[3] // values), values), name=f"level{n}_{what}_rows")(
            x
        )
        for n, x in enumerate(maps)
    ]
    return keras.layers.Concatenate(axis=1, name=f"level_{what}_all")(rows)


def is_detector(model: Any) -> bool:
    """Whether a model has heads that `joined` ends."""
    return len(model.outputs) == 2 and any(layer.name == f"level_{CLASSES}_all" for layer in model.layers)


def head_layers(model: Any) -> list[Any]:
    """All layers that the backbone hasn't."""
    return [layer for layer in model.layers if layer.name.startswith(OWN)]


def with_classes(model: Any, classes: int) -> Any:
    """A detector for other classes: new convolutions give the logits, all other layers keep their weights.

    Raises:
        UsageError: it is no detector of ours.
    """
    if not is_detector(model):
        raise UsageError(f"{model.name} has no heads of a detector. Build a detector with: edgecnn build NAME_ssd")
    old = int(model.outputs[1].shape[-1])
    made: dict[str, Any] = {}  # one convolution may serve all maps
    scores = []
    for rows in keras_graph.call_of(model.outputs[1]).keras_inputs:
        call = keras_graph.call_of(keras_graph.call_of(rows).keras_inputs[0])
        name = call.layer.name
        if name not in made:
            made[name] = last(call.layer.filters // old * classes, name.removesuffix("_conv"), CLASSES)
        scores.append(made[name](call.keras_inputs[0]))
    return keras.Model(model.input, [model.outputs[0], joined(scores, CLASSES, classes)], name=model.name)
