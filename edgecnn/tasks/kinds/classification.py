"""Image classification: one class out of several, or each class by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import DataError, UsageError
from edgecnn.core.statistics import Metric, Share, in_top, paired_drop, share
from edgecnn.data import DataSet, Example, class_indices
from edgecnn.data.augmentation import preset
from edgecnn.data.augmentation.draw import Draw
from edgecnn.models.heads import with_dense_head
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.output_kind import BINARY, LOGITS, PROBABILITIES
from edgecnn.runtime.tasks import Outputs, check_finite
from edgecnn.tasks.confidence import Confidence, confidence
from edgecnn.tasks.encoder import Encoder, LossSettings
from edgecnn.tasks.folder_order import folder_order_doubts
from edgecnn.tasks.task import Score, Task, Truth


class Classification(Task):
    """Trained with cross-entropy on logits of classes that exclude each other; the metric is top-1 accuracy."""

    name = "classification"
    noun = "an image classifier"
    foreign_settings = ("class_loss", "box_loss")
    titles: Mapping[str, str] = {"top1": "top-1", "top5": "top-5"}
    trained_output = LOGITS

    def truth_of(
        self, data: DataSet, contract: Contract, outputs: int | None = None
    ) -> Callable[[Example], Truth] | None:
        """The output index of an image's class."""
        if not data.classes:
            return None
        indices = class_indices(data, contract, 2 if contract.output in BINARY else outputs)
        return lambda example: indices[str(example.label)]

    def doubts(
        self, data: DataSet, expected: Sequence[Outputs], truths: Sequence[Truth], contract: Contract
    ) -> tuple[str, ...]:
        """Numbered folders of a model without labels: whether Keras's order (1, 10, 2) fits clearly better."""
        if contract.labels:
            return ()
        return folder_order_doubts(class_indices(data, contract), truths, self._scores(expected, contract))

    def truth_name(self, truth: Truth, contract: Contract) -> str:
        """The class's label."""
        return contract.label(int(truth))

    def stacked(self, truths: Sequence[Truth]) -> np.ndarray:
        """int64 (images,)."""
        return np.array(truths, np.int64)

    def check_data(self, counts: Mapping[str, int], name: str) -> None:
        """Two classes at least."""
        trained = [label for label, count in counts.items() if count]
        if len(trained) < 2:
            raise DataError(
                f"{name} has readable training images of {len(trained)} class; expected at least two classes."
            )

    def fitted(self, model: Any, contract: Contract, data: DataSet) -> tuple[Any, Contract]:
        """One logit per class: the model's own head if it knows these classes, otherwise a new one."""
        classes = data.classes
        if contract.output == self.trained_output and len(contract.labels) == len(classes):
            try:
                class_indices(data, contract)
                return model, contract
            except DataError:
                pass
        arguments = {**contract.model.arguments, "classes": len(classes)}
        described = dataclasses.replace(contract.model, arguments=arguments)
        changed = contract.replace(task=self.name, output=LOGITS, labels=classes, label_ids=(), model=described)
        return with_dense_head(model, len(classes)), changed

    def untrainable(self, contract: Contract) -> str:
        """It must know its classes and end in logits."""
        if not contract.labels:
            return "has no class names, which are needed to measure its accuracy"
        return super().untrainable(contract)

    def encoder(self, truths: np.ndarray, contract: Contract, settings: LossSettings) -> Encoder:
        """Smoothed one-hot vectors, mixed where images are mixed.

        Raises:
            UsageError: the augmentation makes mosaics.
        """
        if preset(settings.augment).mosaic:
            raise UsageError(f"--augment {settings.augment} shows four images at once, which is for detectors.")
        return OneHot(truths, len(contract.labels), settings)

    def losses(self, outputs: Any, targets: Any, settings: LossSettings, teacher: Any = None) -> Any:
        """Cross-entropy, in nats; with a teacher partly against its softened probabilities (arXiv:1503.02531)."""
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, outputs)
        if teacher is None:
            return losses
        temperature, weight = settings.temperature, settings.distillation_weight
        wanted = tf.nn.softmax(teacher / temperature)
        divergence = tf.nn.softmax_cross_entropy_with_logits(wanted, outputs / temperature)
        return losses * (1 - weight) + divergence * (weight * temperature**2)  # section 2.1: keeps the gradients' size

    def hits(self, outputs: Any, targets: Any) -> Any:
        """1 where the largest logit is that of the largest target."""
        return tf.cast(tf.equal(tf.argmax(outputs, axis=1), tf.argmax(targets, axis=1)), tf.float32)

    def score(self, outputs: Outputs, truths: np.ndarray, contract: Contract) -> Score:
        """Cross-entropy in nats, top-1, confusion matrix."""
        logits, classes = outputs[0], outputs[0].shape[1]
        shifted = logits - logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(truths)), truths]
        answers = logits.argmax(axis=1)
        confusion = np.zeros((classes, classes), np.int64)
        np.add.at(confusion, (truths, answers), 1)
        return Score(float(losses.mean()), 100 * float((answers == truths).mean()), confusion)

    def teacher_order(self, student: Contract, teacher: Contract) -> tuple[int, ...] | None:
        """By the classes' names."""
        if sorted(teacher.labels) != sorted(student.labels) or teacher.output != self.trained_output:
            known = ", ".join(teacher.labels[:5])
            raise UsageError(
                f"The teacher has the classes {known}; expected the classes of the data. Train the teacher on this "
                "data first."
            )
        return tuple(teacher.labels.index(label) for label in student.labels)

    def agrees(self, expected: Outputs, found: Outputs, contract: Contract) -> bool:
        """The same best class; of equals the first counts."""
        first, second = (self._scores([outputs], contract)[0] for outputs in (expected, found))
        return int(first.argmax()) == int(second.argmax())

    def metrics(
        self, expected: Sequence[Outputs], found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract
    ) -> tuple[dict[str, Metric], Share]:
        """Top-1 and top-5 accuracy."""
        scores, truth = [self._scores(each, contract) for each in (expected, found)], self.stacked(truths)
        right = {k: [in_top(values, truth, k) for values in scores] for k in (1, 5)}
        shares = {k: [share(int(hits.sum()), len(hits)) for hits in both] for k, both in right.items()}
        return {f"top{k}": Metric(*both) for k, both in shares.items()}, paired_drop(*right[1])

    def right(self, found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract) -> np.ndarray | None:
        """Whether the best class is the true one."""
        return in_top(self._scores(found, contract), self.stacked(truths), 1)

    def confidence(self, found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract) -> Confidence | None:
        """Of the best class."""
        right = in_top(self._scores(found, contract), self.stacked(truths), 1)
        return confidence(np.stack([each[0].reshape(-1) for each in found]), right, contract)

    def _scores(self, outputs: Sequence[Outputs], contract: Contract) -> np.ndarray:
        """What ranks the classes, (images, classes): the output itself, or probabilities where it is one number."""
        if contract.output in (LOGITS, PROBABILITIES):
            check_finite([values for each in outputs for values in each])
            return np.stack([each[0].reshape(-1) for each in outputs])
        return np.stack([self.device.interpret(each, contract) for each in outputs])

    def size_of(self, outputs: Outputs) -> str:
        """The number of classes."""
        return f"{outputs[0].size} output classes"

    def output_sentence(self, contract: Contract) -> str:
        """The kind of output, and the first classes."""
        if contract.output in BINARY:
            names = ", ".join(contract.labels) or "without names"
            return f"{contract.output}: one number for two classes, {names}"
        if not contract.labels:
            return f"{contract.output}, classes without names"
        return f"{contract.output} of {len(contract.labels)} named classes: {', '.join(contract.labels[:3])}, ..."


class OneHot:
    """An `Encoder`; the label -1 stands for an image whose class isn't known, and whose target is all zeros."""

    def __init__(self, labels: np.ndarray, classes: int, settings: LossSettings) -> None:
        self.shape: tuple[int, ...] = (classes,)
        self._labels = labels
        table = np.eye(classes) * (1 - settings.label_smoothing) + settings.label_smoothing / classes
        self._table = np.concatenate((table, np.zeros((1, classes))))
        known = labels[labels >= 0]
        counts = np.bincount(known, minlength=classes)
        # their mean over the images is 1
        balanced = len(known) / (max(1, np.count_nonzero(counts)) * np.maximum(counts, 1))
        self._weights = np.append(balanced if settings.class_weights else np.ones(classes), 1.0)

    def __call__(self, own: np.ndarray, partners: np.ndarray, changes: Draw) -> tuple[np.ndarray, np.ndarray]:
        """See `Encoder`."""
        labels, others, kept = self._labels[own], self._labels[partners], changes.kept
        share = kept[:, np.newaxis]
        mixed = self._table[labels] * share + self._table[others] * (1 - share)
        weights = self._weights[labels] * kept + self._weights[others] * (1 - kept)
        return mixed.astype(np.float32), weights.astype(np.float32)


TASK = Classification()
