"""Object detection: boxes with a class and a score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ModelFileError
from ..model.anchors import DetectorRecord
from ..model.box_decoding import detections, of_outputs, overlaps
from ..model.contract import Contract, Preprocessing
from ..model.foreign_detector import ordered
from ..model.label_file import check_count
from ..opencv import CLASS_COLORS, draw_box
from . import Answer, DeviceTask, Outputs, check_finite
from .classification import sigmoid

RAW_LOGITS, RAW_SCORES, BOXES = "boxes_and_logits", "boxes_and_scores", "boxes"
"""Kinds of output: corrections of anchors and logits, as they are trained; the same with scores from 0 to 1; the four
tensors of TFLite_Detection_PostProcess: boxes, classes, scores, count."""
SURE = 0.5
"""Boxes of this score count where two models' boxes are compared."""
_NEARLY = 0.1  # so much less may the other model be sure
_SUREST = 5
_SHOWN = 0.3
_MATCH = 0.5


class Detection(DeviceTask):
    """Two output tensors, (anchors, 4) and (anchors, classes), or four."""

    name = "detection"
    outputs = (RAW_LOGITS, RAW_SCORES, BOXES)
    answers_key = "boxes"
    summary = "Object detector"
    followed = True
    command = "detect"
    nothing = "nothing"

    def check(self, contract: Contract, shapes: Sequence[tuple[int, ...]]) -> None:
        """See `DeviceTask.check`."""
        if contract.output == BOXES:
            shapes = ordered(shapes, contract.extra)
            rows = shapes[0][0] if len(shapes) == 4 and len(shapes[0]) == 2 else -1
            if rows < 0 or tuple(shapes[:3]) != ((rows, 4), (rows,), (rows,)) or shapes[3] not in ((), (1,)):
                raise ModelFileError(
                    f"The model gives outputs of the shapes {_listed(shapes)}; expected boxes [batch, N, 4], classes "
                    "and scores [batch, N], and their number [batch]."
                )
            return
        count = DetectorRecord.read(contract).count
        if len(shapes) != 2 or shapes[0] != (count, 4) or len(shapes[1]) != 2 or shapes[1][0] != count:
            raise ModelFileError(
                f"The model gives outputs of the shapes {_listed(shapes)}; expected [batch, {count}, 4] and "
                f"[batch, {count}, classes] for the {count} anchors of its contract."
            )
        check_count(contract.labels, shapes[1][1], "The model")

    def settled(self, outputs: Outputs, contract: Contract) -> list[np.ndarray]:
        """Zeros behind the count, where the operator leaves what was in memory."""
        if contract.output != BOXES:
            return [*outputs]
        settled = [values.copy() for values in outputs]
        boxes, classes, scores, count = ordered(settled, contract.extra)
        number = len(of_outputs([boxes, classes, scores, count]))
        boxes.reshape(-1, 4)[number:] = 0
        for values in (classes, scores):
            values.reshape(-1)[number:] = 0
        return settled

    def ordered(self, outputs: Outputs, contract: Contract) -> list[np.ndarray]:
        """Boxes, classes, scores, count; raw outputs as they are."""
        return ordered(outputs, contract.extra)

    def interpret(self, outputs: Outputs, contract: Contract) -> np.ndarray:
        """Detections, float32 (n, 6): y0, x0, y1, x1 as shares of the input, class, score; the surest first.

        Raises:
            OutputValueError: the output holds NaN or infinite values.
        """
        check_finite(outputs)
        if contract.output == BOXES:
            return of_outputs([*outputs])
        scores = sigmoid(outputs[1]) if contract.output == RAW_LOGITS else outputs[1]
        return detections(outputs[0], scores, DetectorRecord.read(contract))

    def answers(self, values: np.ndarray, contract: Contract, count: int = 5) -> list[Answer]:
        """The surest boxes: index and label of the class, probability, and box: left, top, right, bottom as shares of
        the model's input.
        """
        return self.named(values[values[:, 5] >= _SHOWN][:count], contract)

    def named(self, rows: np.ndarray, contract: Contract) -> list[Answer]:
        """Detections, (n, 6), as answers."""
        ids = contract.label_ids
        return [
            {
                "index": int(row[4]),
                "label": contract.label(int(row[4])),
                "id": ids[int(row[4])] if int(row[4]) < len(ids) else None,
                "probability": round(row[5], 6),
                "box": [round(row[column], 6) for column in (1, 0, 3, 2)],
            }
            for row in rows.tolist()
        ]

    def located(self, rows: np.ndarray, contract: Contract, height: int, width: int) -> list[Answer]:
        """See `DeviceTask.located`."""
        return [
            {**answer, "pixels": list(in_picture(answer["box"], contract.preprocessing, height, width))}
            for answer in self.named(rows, contract)
        ]

    def same(self, expected: Outputs, found: Outputs, contract: Contract) -> bool:
        """Whether each box that one is sure of has its counterpart in the other, and half of the surest boxes have,
        however sure that is: in most images without objects, nothing is.
        """
        first, second = self.interpret(expected, contract), self.interpret(found, contract)
        surest = first[:_SUREST]
        fits = _fits(surest, second) & (np.abs(surest[:, 5:] - second[np.newaxis, :, 5]) <= _NEARLY)
        return agree(first, second) and bool(2 * fits.any(axis=1).sum() >= len(surest))

    def tensor_names(self, contract: Contract) -> tuple[str, ...]:
        """As MediaPipe and the object detection API call them."""
        if contract.output == BOXES:
            return ("location", "category", "score", "number of detections")
        return ("location", "score")

    def labeled_tensor(self, contract: Contract) -> tuple[int, bool]:
        """That of the classes' numbers, or of the scores."""
        return 1, contract.output == BOXES

    def box_tensor(self, contract: Contract) -> int | None:
        """The first, behind the operator."""
        return 0 if contract.output == BOXES else None

    def caption(self, answers: Sequence[Answer]) -> str:
        """How many of each class: "2 cat, 1 dog"."""
        labels = [str(answer["label"]) for answer in answers]
        return ", ".join(f"{labels.count(label)} {label}" for label in dict.fromkeys(labels))

    def draw(self, canvas: np.ndarray, answers: Sequence[Answer], caption: str, contract: Contract) -> None:
        """Each box in its class's color, with its label, the object's number where it has one, and its score."""
        height, width = canvas.shape[:2]
        for answer in reversed(answers):  # the surest one is on top
            number = f" #{answer['track']}" if answer.get("track") else ""
            text = f"{answer['label']}{number} {answer['probability']:.0%}"
            corners = in_picture(answer["box"], contract.preprocessing, height, width)
            draw_box(canvas, corners, text, CLASS_COLORS[answer["index"] % len(CLASS_COLORS)])


TASK = Detection()


def agree(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether every box of either that has a score of `SURE` is matched in the other, see `matched`."""
    return bool(matched(first, second).all() and matched(second, first).all())


def matched(sure: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the sure boxes have a counterpart: the same class, an overlap of half, and nearly as sure.

    Args:
        sure: detections, (n, 6); those with a score of `SURE` are looked at.
        others: detections, (m, 6).

    Returns:
        bool, one for each box that is sure.
    """
    sure = sure[sure[:, 5] >= SURE]
    others = others[others[:, 5] >= SURE - _NEARLY]
    return np.asarray(_fits(sure, others).any(axis=1))


def _fits(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which have the same class and an overlap of half, bool (boxes, others)."""
    if not len(others):
        return np.zeros((len(boxes), 0), bool)
    return np.equal(boxes[:, 4:5], others[np.newaxis, :, 4]) & (overlaps(boxes[:, :4], others[:, :4]) >= _MATCH)


def in_picture(
    box: Sequence[float], preprocessing: Preprocessing, height: int, width: int
) -> tuple[int, int, int, int]:
    """A box, as shares of the model's input, in pixels of the image that was fitted to it.

    Args:
        box: left, top, right, bottom.
        preprocessing: how the image was fitted.
        height: of the image.
        width: of the image.

    Returns:
        Left, top, right, bottom, inside of the image.
    """
    rows, columns = seen(preprocessing, height, width)
    top, left = (height - rows) / 2, (width - columns) / 2
    x = [min(max(left + share * columns, 0), width) for share in (box[0], box[2])]
    y = [min(max(top + share * rows, 0), height) for share in (box[1], box[3])]
    return round(x[0]), round(y[0]), round(x[1]), round(y[1])


def seen(preprocessing: Preprocessing, height: int, width: int) -> tuple[float, float]:
    """Height and width, in pixels of an image, of the centered part that becomes the input; with fit "pad" more than
    the image.
    """
    if preprocessing.fit == "stretch":
        return height, width
    choose, share = (min, preprocessing.crop) if preprocessing.fit == "crop" else (max, 1.0)
    scale = choose(height / preprocessing.height, width / preprocessing.width) * share
    return preprocessing.height * scale, preprocessing.width * scale


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(str(["batch", *shape]).replace("'", "") for shape in shapes)
