"""What Grad-CAM differentiates, by the kind of a model's output."""

from __future__ import annotations

from typing import Any

from edgecnn.runtime.model.output_kind import BINARY, BINARY_PROBABILITY, INDEPENDENT_PROBABILITIES, PROBABILITIES

_LEAST = 1e-9  # probability


def class_score(output: Any, index: int, kind: str) -> Any:
    """What is differentiated for a class: its logit, or its log probability; of a detector that of the surest anchor.

    Args:
        output: a tensor, (classes,) or (anchors, classes).
        index: of the class.
        kind: of the output.
    """
    from edgecnn.core.compat.tensorflow import tf

    if len(output.shape) == 2:
        output = output[tf.argmax(output[:, index])]

    if kind in BINARY:
        value = output[0]
        if kind == BINARY_PROBABILITY:
            value = tf.math.log(value + _LEAST) - tf.math.log(1 - value + _LEAST)
        return value if index else -value
    return tf.math.log(output[index] + _LEAST) if kind in (PROBABILITIES, INDEPENDENT_PROBABILITIES) else output[index]
