"""What is learned from a teacher's recorded outputs: losses, targets and scores, in place of those of the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.data.augmentation.draw import Draw
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.tasks import Outputs
from edgecnn.runtime.tasks.classification import softmax
from edgecnn.tasks import Score
from edgecnn.tasks.encoder import Encoder, LossSettings
from edgecnn.tasks.kinds.classification import Classification, OneHot

_LEAST = 1e-8  # of a vector's length


class FeatureMatching(Classification):
    """The truths are a teacher's features, float32 (images, size); the loss is 1 - cosine similarity to them."""

    titles: Mapping[str, str] = {"teacher_similarity": "similarity to the teacher"}

    def encoder(self, truths: np.ndarray, contract: Contract, settings: LossSettings) -> Encoder:
        """The features; of mixed images their mixture."""
        return _Mixed(truths)

    def losses(self, outputs: Any, targets: Any, settings: LossSettings, teacher: Any = None) -> Any:
        """1 - cosine similarity."""
        return 1 - _cosine(outputs, targets)

    def hits(self, outputs: Any, targets: Any) -> Any:
        """Cosine similarity, from 0."""
        return tf.maximum(_cosine(outputs, targets), 0.0)

    def score(self, outputs: Outputs, truths: np.ndarray, contract: Contract) -> Score:
        """Mean cosine similarity, in percent."""
        dots = (outputs[0] * truths).sum(axis=1)
        lengths = np.linalg.norm(outputs[0], axis=1) * np.linalg.norm(truths, axis=1)
        similarity = float((dots / np.maximum(lengths, _LEAST)).mean())
        return Score(1 - similarity, 100 * similarity)


class LogitMatching(Classification):
    """The truths are float32 (images, 1 + classes): the class, -1 where it isn't known, and a teacher's logits.

    Images with a class learn from both, as `Classification.losses` says; those without from the teacher alone.
    """

    titles: Mapping[str, str] = {"teacher_agreement": "agreement with the teacher"}

    def encoder(self, truths: np.ndarray, contract: Contract, settings: LossSettings) -> Encoder:
        """One-hot vectors (zeros where the class isn't known) beside the teacher's softened probabilities."""
        return _HardAndSoft(truths, settings)

    def losses(self, outputs: Any, targets: Any, settings: LossSettings, teacher: Any = None) -> Any:
        """Cross-entropy in nats, against the label and against the teacher (arXiv:1503.02531)."""
        hard, soft = tf.split(targets, 2, axis=1)
        labeled = tf.reduce_sum(hard, axis=1)
        # not TensorFlow's own cross-entropy: its gradient takes it that targets add up to 1
        by_label = -tf.reduce_sum(hard * tf.nn.log_softmax(outputs), axis=1)
        by_teacher = tf.nn.softmax_cross_entropy_with_logits(soft, outputs / settings.temperature)
        weight = settings.distillation_weight
        return by_label * (1 - weight) + by_teacher * (1 - labeled * (1 - weight)) * settings.temperature**2

    def hits(self, outputs: Any, targets: Any) -> Any:
        """1 where the answer is the label, or the teacher's answer where there is no label."""
        hard, soft = tf.split(targets, 2, axis=1)
        wanted = tf.where(tf.reduce_sum(hard, axis=1, keepdims=True) > 0.5, hard, soft)
        return super().hits(outputs, wanted)

    def score(self, outputs: Outputs, truths: np.ndarray, contract: Contract) -> Score:
        """How often the answer is the teacher's, in percent; the loss is the cross-entropy with it."""
        found = super().score(outputs, truths[:, 1:].argmax(axis=1), contract)
        return Score(found.loss, found.accuracy_percent)


def _cosine(first: Any, second: Any) -> Any:
    return tf.reduce_sum(tf.math.l2_normalize(first, 1) * tf.math.l2_normalize(second, 1), axis=1)


class _Mixed:
    """An `Encoder`."""

    def __init__(self, truths: np.ndarray) -> None:
        self.shape: tuple[int, ...] = truths.shape[1:]
        self._truths = truths

    def __call__(self, own: np.ndarray, partners: np.ndarray, changes: Draw) -> tuple[np.ndarray, np.ndarray]:
        """See `Encoder`."""
        share = changes.kept[:, np.newaxis]
        mixed = self._truths[own] * share + self._truths[partners] * (1 - share)
        return mixed.astype(np.float32), np.ones(len(own), np.float32)


class _HardAndSoft:
    """An `Encoder`."""

    def __init__(self, truths: np.ndarray, settings: LossSettings) -> None:
        classes = truths.shape[1] - 1
        self.shape: tuple[int, ...] = (2 * classes,)
        self._hard = OneHot(truths[:, 0].astype(np.int64), classes, settings)
        self._soft = _Mixed(softmax(truths[:, 1:] / settings.temperature))

    def __call__(self, own: np.ndarray, partners: np.ndarray, changes: Draw) -> tuple[np.ndarray, np.ndarray]:
        """See `Encoder`."""
        hard, weights = self._hard(own, partners, changes)
        return np.concatenate((hard, self._soft(own, partners, changes)[0]), axis=1), weights
