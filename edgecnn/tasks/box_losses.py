"""What a detector's boxes and classes cost, per image: named localization losses, and the focal loss.

Corrections say a box in units of its anchor, so the losses here need no anchors: intersection over union doesn't change
when both boxes are stretched alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edgecnn.core.compat.tensorflow import tf
from edgecnn.runtime.model.anchors import DetectorRecord

SCALES = DetectorRecord.scales
"""What corrections are multiplied with in the models that are trained here."""
_GAMMA = 1.5  # of the focal loss, as in EfficientDet, arXiv:1911.09070
_ALPHA = 0.25
_IOU_WEIGHT = 2.0


def focal(logits: Any, classes: Any, fit: Any) -> Any:
    """Focal loss (arXiv:1708.02002, equation 5) summed over anchors and classes, (batch,).

    Args:
        logits: (batch, anchors, classes).
        classes: int32 (batch, anchors): 0 for background, -1 for anchors that don't count, else 1 + the class.
        fit: intersection over union of each anchor's box with its object, (batch, anchors); not used.
    """
    wanted = _one_hot(classes, logits)
    balance = wanted * _ALPHA + (1 - wanted) * (1 - _ALPHA)
    return _summed(balance * _missed(logits, wanted) ** _GAMMA * _entropy(logits, wanted), classes)


def quality(logits: Any, classes: Any, fit: Any) -> Any:
    """Quality focal loss (arXiv:2006.04388, equation 3): a score is to say how well the box fits, too.

    Then the best of several boxes of an object is the one that non-maximum suppression keeps. Arguments as of `focal`.
    """
    wanted = _one_hot(classes, logits) * tf.stop_gradient(fit)[..., tf.newaxis]
    return _summed(_missed(logits, wanted) ** 2 * _entropy(logits, wanted), classes)


def _one_hot(classes: Any, logits: Any) -> Any:
    return tf.one_hot(classes - 1, logits.shape[-1])  # background and what is ignored: zeros


def _missed(logits: Any, wanted: Any) -> Any:
    return tf.abs(wanted - tf.sigmoid(logits))


def _entropy(logits: Any, wanted: Any) -> Any:
    return tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits)


def _summed(losses: Any, classes: Any) -> Any:
    return tf.reduce_sum(losses * tf.cast(classes >= 0, tf.float32)[..., tf.newaxis], axis=(1, 2))


def smooth_l1(corrections: Any, wanted: Any) -> Any:
    """Smooth L1 of the corrections (Fast R-CNN, arXiv:1504.08083, equation 3), (..., 4) -> (...)."""
    distance = tf.abs(corrections - wanted)
    return tf.reduce_sum(tf.where(distance < 1, distance**2 / 2, distance - 0.5), axis=-1)


def giou(corrections: Any, wanted: Any) -> Any:
    """Twice one minus the generalized intersection over union (arXiv:1902.09630), (..., 4) -> (...), 0 to 4."""
    first, second = _corners(corrections), _corners(wanted)
    union = _area(*first) + _area(*second) - _shared(first, second)
    around = _area(tf.minimum(first[0], second[0]), tf.maximum(first[1], second[1]))
    return _IOU_WEIGHT * (1 - overlap(corrections, wanted) + (around - union) / around)


def diou(corrections: Any, wanted: Any) -> Any:
    """Twice one minus the overlap, and the distance of the centers (arXiv:1911.08287), (..., 4) -> (...), 0 to 4."""
    first, second = _corners(corrections), _corners(wanted)
    apart = tf.reduce_sum(((first[0] + first[1] - second[0] - second[1]) / 2) ** 2, axis=-1)
    across = tf.maximum(first[1], second[1]) - tf.minimum(first[0], second[0])
    return _IOU_WEIGHT * (1 - overlap(corrections, wanted) + apart / tf.reduce_sum(across**2, axis=-1))


def overlap(corrections: Any, wanted: Any) -> Any:
    """Intersection over union of the boxes that corrections of the same anchors say, (..., 4) -> (...)."""
    first, second = _corners(corrections), _corners(wanted)
    shared = _shared(first, second)
    return shared / (_area(*first) + _area(*second) - shared)


def _shared(first: tuple[Any, Any], second: tuple[Any, Any]) -> Any:
    return _area(tf.maximum(first[0], second[0]), tf.minimum(first[1], second[1]))


def _corners(corrections: Any) -> tuple[Any, Any]:
    """Low and high corners, (..., 2) each, in units of the anchor."""
    values = corrections / SCALES
    half = tf.exp(tf.minimum(values[..., 2:], 8.0)) / 2  # an untrained model may say anything
    return values[..., :2] - half, values[..., :2] + half


def _area(low: Any, high: Any) -> Any:
    return tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)


BOX_LOSSES: Mapping[str, Callable[[Any, Any], Any]] = {"giou": giou, "diou": diou, "smooth_l1": smooth_l1}
"""Localization losses by name."""
CLASS_LOSSES: Mapping[str, Callable[[Any, Any, Any], Any]] = {"quality": quality, "focal": focal}
"""Classification losses by name."""
