"""Object detection: boxes with a class and a score, by corrections of anchors (SSD, arXiv:1512.02325)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import DataError, UsageError
from edgecnn.core.statistics import Metric, Share, share
from edgecnn.data import DataSet, Example, class_indices
from edgecnn.data.augmentation import PRESETS, preset
from edgecnn.data.boxes import TASK as BOX_DATA
from edgecnn.data.boxes import box_sizes
from edgecnn.float_model.detector import as_detector
from edgecnn.graph.postprocess import with_postprocess, without_postprocess
from edgecnn.models import anchor_fitting, box_heads
from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.box_decoding import as_outputs, of_outputs
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.tasks import Answer, Outputs
from edgecnn.runtime.tasks.detection import BOXES, RAW_LOGITS, RAW_SCORES, SURE, agree, matched
from edgecnn.tasks import raw_boxes
from edgecnn.tasks.average_precision import Matched, mean
from edgecnn.tasks.box_errors import RIGHT, BoxErrors, box_errors, of_image
from edgecnn.tasks.box_figures import BoxFigures
from edgecnn.tasks.box_losses import SCALES
from edgecnn.tasks.box_targets import NO_CLASS, BoxTargets, moved
from edgecnn.tasks.box_truths import COLUMNS, truth_rows
from edgecnn.tasks.encoder import Encoder, LossSettings
from edgecnn.tasks.task import Score, Task, Truth

_FITS = {
    "finetune": {
        "epochs": 60, "batch_size": 8, "learning_rate": 1.5e-3, "backbone_learning_rate": 5e-4,
        "augment": "objects", "label_smoothing": 0.0, "weight_average": 0.998,
    },
    "compression": {"batch_size": 8, "augment": "objects"},
    "scratch": {"epochs": 120, "batch_size": 16, "augment": "objects", "label_smoothing": 0.0, "weight_average": 0.998},
}  # fmt: skip


class Detection(Task):
    """Trained with focal loss and a localization loss; the metric is COCO's mean average precision."""

    name = "detection"
    noun = "an object detector"
    titles: Mapping[str, str] = {"map": "mAP", "ap50": "AP50"}
    trained_output = RAW_LOGITS
    fits: Mapping[str, Mapping[str, Any]] = _FITS
    features_first = False
    draws = True
    part = "box"
    learns_from_stride = 4  # the blocks before have the largest maps, and ImageNet's edges and colors do

    def truth_of(
        self, data: DataSet, contract: Contract, outputs: int | None = None
    ) -> Callable[[Example], Truth] | None:
        """Rows of `COLUMNS`, float32 (boxes, 8)."""
        if data.task != BOX_DATA:
            return None
        used = {box.label for example in data.examples for box in example.annotation.boxes}
        indices = class_indices(dataclasses.replace(data, classes=tuple(sorted(used))), contract)
        return lambda example: truth_rows(example.annotation, indices, contract.preprocessing)

    def truth_name(self, truth: Truth, contract: Contract) -> str:
        """How many objects of each class."""
        labels = [contract.label(int(row[4])) for row in truth if row[5] == 0 and row[4] != NO_CLASS]
        return ", ".join(f"{labels.count(label)} {label}" for label in dict.fromkeys(labels)) or "nothing"

    def stacked(self, truths: Sequence[Truth]) -> np.ndarray:
        """float32 (images, most, 8), filled up with rows of class -1."""
        filled = np.zeros((len(truths), max(map(len, truths), default=0) or 1, COLUMNS), np.float32)
        filled[:, :, 4] = NO_CLASS
        for row, truth in enumerate(truths):
            filled[row, : len(truth)] = truth
        return filled

    def check_data(self, counts: Mapping[str, int], name: str) -> None:
        """An object at least."""
        if not any(counts.values()):
            raise DataError(f"{name} has no boxes in its readable training images.")

    def seen_by(self, contract: Contract) -> Preprocessing:
        """A classifier that becomes a detector sees whole images."""
        own = contract.preprocessing
        return own if contract.task == self.name else dataclasses.replace(own, fit="stretch")

    def fitted(self, model: Any, contract: Contract, data: DataSet) -> tuple[Any, Contract]:
        """Its own heads if they are for these classes, otherwise new ones for the classes; a classifier gets all heads.

        Raises:
            UsageError: the classifier has no feature maps of the strides that are needed.
        """
        if data.task != BOX_DATA:
            raise UsageError(f"{data.name} has no boxes; training a detector needs them.")
        classes = tuple(data.classes)
        if not box_heads.is_detector(model):
            model, contract = as_detector(model, contract, classes=len(classes))
        elif contract.labels == classes:
            return model, contract
        else:
            model = box_heads.with_classes(model, len(classes))
        arguments = {**contract.model.arguments, "classes": len(classes)}
        described = dataclasses.replace(contract.model, arguments=arguments)
        return model, contract.replace(labels=classes, label_ids=(), model=described)

    def adapted(self, contract: Contract, data: DataSet, before: Contract, anchors: str) -> Contract:
        """With anchors that are fitted to the boxes, unless heads have learned to correct those that there are."""
        learned = before.task == self.name and before.provenance.training is not None
        if anchors == "model" or (anchors == "auto" and learned):
            return contract
        return anchor_fitting.with_anchors(contract, box_sizes(data))

    def own_layers(self, model: Any) -> list[Any]:
        """All that the backbone hasn't."""
        return box_heads.head_layers(model)

    def encoder(self, truths: np.ndarray, contract: Contract, settings: LossSettings) -> Encoder:
        """Corrections and class at each anchor.

        Raises:
            UsageError: the augmentation mixes images, classes are to be weighted, or corrections are scaled otherwise.
        """
        if preset(settings.augment).mixes:
            fitting = ", ".join(name for name, each in PRESETS.items() if not each.mixes)
            raise UsageError(f"--augment {settings.augment} mixes images, which boxes don't allow; use {fitting}.")
        if settings.class_weights:
            raise UsageError(
                "--class-weights weights whole images, but an image has objects of several classes; remove it."
            )
        record = DetectorRecord.read(contract)
        if record.scales != SCALES:
            raise UsageError(f"The contract scales corrections of anchors by {record.scales}; training needs {SCALES}.")
        return BoxTargets(truths, record, (contract.preprocessing.height, contract.preprocessing.width))

    def points(self, truths: np.ndarray) -> list[np.ndarray]:
        """Centers of the objects."""
        return [(rows[:, :2] + rows[:, 2:4])[(rows[:, 4] != NO_CLASS) & (rows[:, 5] == 0)] / 2 for rows in truths]

    def losses(self, outputs: Any, targets: Any, settings: LossSettings, teacher: Any = None) -> Any:
        """Losses of classes and boxes by their names in the settings, over the anchors of each image's objects."""
        losses = raw_boxes.losses(outputs, targets, settings.class_loss, settings.box_loss)
        if teacher is None:
            return losses
        weight = settings.distillation_weight
        return losses * (1 - weight) + raw_boxes.imitation(outputs, teacher, settings.box_loss) * weight

    def hits(self, outputs: Any, targets: Any) -> Any:
        """Share of the objects' anchors whose class is found."""
        classes = tf.cast(targets[..., 4], tf.int32)
        objects = tf.cast(classes > 0, tf.float32)
        best = tf.argmax(outputs[1], axis=2, output_type=tf.int32)
        sure = tf.reduce_max(outputs[1], axis=2) > 0
        found = tf.cast(tf.equal(best, classes - 1) & sure, tf.float32) * objects
        return tf.reduce_sum(found, axis=1) / tf.maximum(tf.reduce_sum(objects, axis=1), 1.0)

    def condensed(self, outputs: Outputs, truths: np.ndarray, contract: Contract) -> list[np.ndarray]:
        """Detections of each image, as the operator gives them, and the loss of each."""
        record = DetectorRecord.read(contract)
        plain = np.array([1, 0, 0, 0, 1, 0, 0, 0], np.float32)
        size = (contract.preprocessing.height, contract.preprocessing.width)
        encoder = BoxTargets(truths, record, size)
        targets = np.stack([encoder.of_image(moved(rows, plain, size)) for rows in truths])
        losses = raw_boxes.losses([tf.constant(values) for values in outputs], tf.constant(targets), *_SHOWN_LOSSES)
        each = [self.device.interpret([values[row] for values in outputs], contract) for row in range(len(truths))]
        filled = [as_outputs(rows, record.most) for rows in each]
        return [*(np.stack(values) for values in zip(*filled)), losses.numpy()]

    def score(self, outputs: Outputs, truths: np.ndarray, contract: Contract) -> Score:
        """Mean average precision and loss, of what `condensed` leaves."""
        found = [of_outputs([values[row] for values in outputs[:4]]) for row in range(len(truths))]
        images = Matched.of(found, [rows[rows[:, 4] != NO_CLASS] for rows in truths])
        percent = 100 * max(mean(images.figures()[0]), 0.0)
        return Score(float(np.mean(outputs[4])), percent, standard_error_percent=100 * images.standard_error())

    def teacher_order(self, student: Contract, teacher: Contract) -> tuple[int, ...] | None:
        """As they are; see `raw_boxes.check_teacher`."""
        raw_boxes.check_teacher(student, teacher)
        return None

    def deployed(self, call: Callable[[Any], Any], contract: Contract) -> tuple[Callable[[Any], Any], Contract]:
        """With scores instead of logits."""
        if contract.output != RAW_LOGITS:
            return call, contract

        def scored(image: Any) -> Any:
            corrections, logits = call(image)
            return [corrections, tf.sigmoid(logits)]

        return scored, contract.replace(output=RAW_SCORES)

    def finished(self, graph: bytes, contract: Contract) -> tuple[bytes, Contract]:
        """With TFLite_Detection_PostProcess, whose four outputs every program for detectors reads."""
        if contract.output != RAW_SCORES:
            return graph, contract
        return with_postprocess(graph, DetectorRecord.read(contract)), contract.replace(output=BOXES)

    def unfinished(self, graph: bytes, contract: Contract) -> tuple[bytes, Contract]:
        """Without the operator.

        Raises:
            ModelFileError: it is a model by others, whose contract has no anchors.
        """
        if contract.output != BOXES:
            return graph, contract
        DetectorRecord.read(contract)
        return without_postprocess(graph), contract.replace(output=RAW_SCORES)

    def measured(self, outputs: Outputs, expected: Outputs, contract: Contract) -> np.ndarray:
        """See `raw_boxes.weighted`."""
        return super().measured(raw_boxes.weighted(outputs, expected, contract), expected, contract)

    def class_scores(self, outputs: Outputs, contract: Contract) -> np.ndarray:
        """Of the surest box of each class."""
        return raw_boxes.class_scores(outputs, contract)

    def compared(self, outputs: Outputs, contract: Contract) -> list[np.ndarray]:
        """Detections, whatever the form of the outputs is."""
        if len(outputs) == 4:
            return [*outputs]
        kind = RAW_SCORES if contract.output == BOXES else contract.output
        record = DetectorRecord.read(contract)
        return as_outputs(self.device.interpret(outputs, contract.replace(output=kind)), record.most)

    def signal(self, outputs: Outputs) -> np.ndarray:
        """The scores, best first."""
        return np.sort(outputs[2].reshape(-1))[::-1]

    def agrees(self, expected: Outputs, found: Outputs, contract: Contract) -> bool:
        """Each box of either with a score of 0.5 has its counterpart in the other."""
        return agree(*(of_outputs([*outputs]) for outputs in (expected, found)))

    def metrics(
        self, expected: Sequence[Outputs], found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract
    ) -> tuple[dict[str, Metric], Share]:
        """mAP and AP50."""
        precision, at_half, drop = self._figures(expected, found, truths, sizes=False).headline()
        return {"map": precision, "ap50": at_half}, drop

    def details(
        self, expected: Sequence[Outputs], found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract
    ) -> dict[str, Metric]:
        """Average precision by class and by size of the objects."""
        figures = self._figures(expected, found, truths, sizes=True)
        return figures.details(contract.label)

    @staticmethod
    def _figures(
        expected: Sequence[Outputs], found: Sequence[Outputs], truths: Sequence[Truth], sizes: bool
    ) -> BoxFigures:
        first, second = ([of_outputs([*each]) for each in outputs] for outputs in (expected, found))
        return BoxFigures.of(first, second, truths, sizes)

    def parts_agree(self, expected: Sequence[Outputs], found: Sequence[Outputs]) -> Share | None:
        """Boxes of either model that have a score of 0.5: those with a counterpart in the other."""
        pairs = [tuple(of_outputs([*each]) for each in pair) for pair in zip(expected, found)]
        hits = [each for first, second in pairs for each in (matched(first, second), matched(second, first))]
        flags = np.concatenate(hits)
        return share(int(flags.sum()), len(flags)) if len(flags) else None

    def mistakes(self, found: Outputs, truth: Truth, contract: Contract) -> int:
        """Sure boxes that are not right, and objects without one."""
        return sum(kind != RIGHT for kind, _, _ in of_image(of_outputs([*found]), truth))

    def errors(self, found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract) -> BoxErrors | None:
        """See `box_errors`; None for a model without labels."""
        each = [of_outputs([*outputs]) for outputs in found]
        return box_errors(each, truths, contract.labels) if contract.labels else None

    def drawn(self, picture: np.ndarray, answers: Sequence[Outputs], contract: Contract) -> np.ndarray:
        """Boxes of each answer that have a score of 0.5 or more: those that are compared."""
        found = [of_outputs([*each]) for each in answers]
        return raw_boxes.side_by_side(picture, [rows[rows[:, 5] >= SURE] for rows in found], contract)

    def perfect(self, truth: Truth) -> Outputs:
        """The boxes that count, with a score of 1."""
        rows = np.array([[*row[:5], 1.0] for row in truth if row[4] != NO_CLASS and row[5] == 0], np.float32)
        return as_outputs(rows.reshape(-1, 6), max(len(rows), 1))

    def headline(self, outputs: Outputs, contract: Contract) -> Answer:
        """All that the model is sure of, in one answer with the surest's class."""
        rows = of_outputs([*outputs])
        answers = self.device.answers(rows[rows[:, 5] >= SURE], contract, len(rows))
        if not answers:
            return {"index": -1, "label": "nothing", "probability": 0.0}
        return {**answers[0], "label": self.device.caption(answers)}

    def size_of(self, outputs: Outputs) -> str:
        """The number of boxes."""
        return f"{len(outputs[0])} boxes"

    def output_sentence(self, contract: Contract) -> str:
        """The kind of output, and the first classes."""
        what = {BOXES: "boxes of up to {} objects", RAW_SCORES: "corrections of {} anchors and scores"}
        try:
            record = DetectorRecord.read(contract)
            number = record.most if contract.output == BOXES else record.count
        except ModelFileError:
            number = 0
        names = ", ".join(contract.labels[:3]) + (", ..." if len(contract.labels) > 3 else "")
        text = what.get(contract.output, "corrections of {} anchors and logits").format(f"{number:,}")
        return f"{text}; {len(contract.labels)} classes: {names}" if names else f"{text}; classes without names"


_SHOWN_LOSSES = ("focal", "giou")
"""Of evaluations, which know no settings."""
TASK = Detection()
