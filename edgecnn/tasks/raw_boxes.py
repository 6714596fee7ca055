"""What a detector's outputs say beside its boxes: where an error counts, which classes there are, what is imitated."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import UsageError
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.box_decoding import of_outputs
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.tasks import Outputs, task_of
from edgecnn.runtime.tasks.classification import sigmoid
from edgecnn.runtime.tasks.detection import BOXES, RAW_LOGITS
from edgecnn.tasks.box_losses import BOX_LOSSES, CLASS_LOSSES, overlap

_COCO_NUMBERS = 91
"""Of classes in COCO, which detectors without labels were usually trained on."""


def weighted(outputs: Outputs, expected: Outputs, contract: Contract) -> list[np.ndarray]:
    """The scores; and the corrections in sides of an anchor, as much as the float model says that something is there:
    boxes of nothing may be anywhere.

    Args:
        outputs: corrections (images, anchors, 4) and scores (images, anchors, classes).
        expected: the float model's.
        contract: with the anchors.
    """
    corrections, scores = outputs
    there = expected[1].max(axis=2, keepdims=True)
    return [scores, corrections / np.asarray(DetectorRecord.read(contract).scales, np.float32) * there]


def class_scores(outputs: Outputs, contract: Contract) -> np.ndarray:
    """The best score of each class, float32 (classes,), in any of a detector's forms of output."""
    if contract.output != BOXES:
        scores = sigmoid(outputs[1]) if contract.output == RAW_LOGITS else outputs[1]
        best: np.ndarray = scores.max(axis=0)
        return best
    rows = of_outputs([*outputs])
    found = np.zeros(len(contract.labels) or _COCO_NUMBERS, np.float32)
    known = rows[rows[:, 4] < len(found)]
    np.maximum.at(found, known[:, 4].astype(int), known[:, 5])
    return found


def side_by_side(picture: np.ndarray, answers: Sequence[np.ndarray], contract: Contract) -> np.ndarray:
    """Copies of an image, each with the detections of one answer, (n, 6), drawn in.

    Args:
        picture: uint8 (height, width, 3), blue-green-red, the whole of what the model sees.
        answers: detections.
        contract: of the model.
    """
    task = task_of(contract)
    whole = contract.replace(preprocessing=dataclasses.replace(contract.preprocessing, fit="stretch"))
    copies = []
    for rows in answers:
        canvas = picture.copy()
        found = task.answers(rows, whole, len(rows))
        task.draw(canvas, found, task.caption(found), whole)
        copies.append(canvas)
    return np.concatenate(copies, axis=1)


def losses(outputs: Any, targets: Any, class_loss: str, box_loss: str) -> Any:
    """Of each image, (batch,)."""
    classes = tf.cast(targets[..., 4], tf.int32)
    objects = tf.cast(classes > 0, tf.float32)
    number = tf.maximum(tf.reduce_sum(objects, axis=1), 1.0)
    (corrections, logits), wanted = outputs, targets[..., :4]
    boxes = tf.reduce_sum(BOX_LOSSES[box_loss](corrections, wanted) * objects, axis=1)
    return (CLASS_LOSSES[class_loss](logits, classes, overlap(corrections, wanted)) + boxes) / number


def imitation(outputs: Any, teacher: Any, box_loss: str) -> Any:
    """What it costs to differ from a teacher, of each image, (batch,).

    Its scores are soft labels of the quality focal loss (arXiv:2006.04388, equation 3), and its boxes count as much as
    it is sure of them; both per object that it sees.

    Args:
        outputs: corrections (batch, anchors, 4) and logits (batch, anchors, classes).
        teacher: the same of the teacher.
        box_loss: a name of `BOX_LOSSES`.
    """
    (corrections, logits), (wanted, teaching) = outputs, teacher
    scores = tf.sigmoid(teaching)
    there = tf.reduce_max(scores, axis=2)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(scores, logits)
    classes = tf.reduce_sum(tf.abs(scores - tf.sigmoid(logits)) ** 2 * entropy, axis=(1, 2))
    boxes = tf.reduce_sum(BOX_LOSSES[box_loss](corrections, wanted) * there, axis=1)
    return (classes + boxes) / tf.maximum(tf.reduce_sum(there, axis=1), 1.0)


def check_teacher(student: Contract, teacher: Contract) -> None:
    """Refuse a teacher that says something else at each anchor.

    Raises:
        UsageError: it is no detector, has other classes or other anchors.
    """
    if teacher.output != student.output:
        raise UsageError("The teacher is no detector that can be trained; expected a .keras file of a detector.")
    if teacher.labels != student.labels:
        known = ", ".join(teacher.labels[:5]) or "none"
        raise UsageError(f"The teacher has the classes {known}; expected those of the data, in their order.")
    ours, theirs = DetectorRecord.read(student), DetectorRecord.read(teacher)
    if (ours.levels, ours.scales) != (theirs.levels, theirs.scales):
        raise UsageError(
            f"The teacher has {theirs.count:,} anchors, the model {ours.count:,}, or they lie elsewhere. Choose a "
            "detector with the same heads at the same input size, for example efficientnet_lite2_ssd for "
            "efficientnet_lite0_ssd."
        )
