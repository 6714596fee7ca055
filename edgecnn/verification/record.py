"""What a verification found, as it is written and read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from edgecnn.runtime.model.records import Accuracy, Metric, Share, WithMetrics
from edgecnn.runtime.model.validation import Length, Pattern, Range, Record
from edgecnn.runtime.run.golden import GoldenResult
from edgecnn.tasks.box_errors import BoxErrors
from edgecnn.tasks.confidence import Confidence
from edgecnn.verification.input_check import BetterInput

Base64 = Annotated[str, Length(1 << 20), Pattern(r"[A-Za-z0-9+/]*={0,2}", "base64")]


@dataclass(frozen=True)
class AnswerRecord(Record):
    """What a model says of one image.

    Attributes:
        index: of the output.
        label: its name.
        id: its machine name, where it has one.
        probability: 0 to 1; None for "none of these".
        extra: what else the task tells.
    """

    EXTRA = "extra"

    index: int
    label: str
    probability: Annotated[float, Range(0, 1.001)] | None
    id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShownImage(Record):
    """An image with both answers, for a person to look at.

    Attributes:
        name: of the image.
        truth: what the data set says; None where it says nothing.
        float: the float model's answer.
        artifact: the artifact's.
        thumbnail: a small JPEG in base64, of a detector with the boxes of both, side by side; None for those beyond
            the first ones.
    """

    name: str
    truth: str | None
    float: AnswerRecord
    artifact: AnswerRecord
    thumbnail: Base64 | None


@dataclass(frozen=True)
class Verification(WithMetrics):
    """What was found.

    Attributes:
        model: file name of the artifact.
        model_sha256: digest of the artifact.
        against: name of the float model.
        data: DATA as it was asked for.
        data_sha256: digest of the images and what is said of them: labels or boxes.
        device: where the artifact ran.
        pictures: how many images both models saw.
        agreement: share of images for which both models give the same answer.
        snr_db: signal-to-noise ratio of the outputs, mean over the images, in dB.
        calibrated_on: how many of the images the artifact was calibrated on: its figures flatter there.
        flipped: the images with different answers; the first 24 have a thumbnail.
        answers: up to 12 images, evenly over the data.
        skipped: images that could not be read, with the reason.
        golden: the golden vectors, replayed; None for a file that carries none.
        metrics: the task's figures of merit by name ("top1"); empty without annotations. In JSON the keys NAME and
            float_NAME.
        drop: percentage points of the first metric that the artifact loses, on the same images.
        task: what the model is for.
        details: further figures of both models by what they are of: average precision of a class, of small objects.
        parts_agree: share of the boxes with a score of 0.5 or more that agree; None where an answer is
            one thing.
        right: one bit for each image, in the order of the data and in base64: whether the artifact is right; None
            without annotations, or for a task without right and wrong answers.
        better_input: the preprocessing by which the float model is clearly better than by the contract's; None where
            none is, or there are no labels.
        trained_on: how many of the images the model was trained on: its accuracy flatters there.
        confidence: how far the artifact's probabilities can be trusted: expected calibration error, risk-coverage
            curve; None without labels, or for a task without right and wrong answers.
        rejected: share of the images for which the artifact's answer is "none of these"; None where its contract has
            no rejection.
        others: DATA of images of other things; empty if none were given.
        false_alarms: share of these images that the artifact accepts as one of its classes; None without them.
        notes: what else a person should know, in sentences.
        errors: what kinds of mistakes the artifact makes; None without annotations, or where an answer is one thing.
        worst: up to 12 images on which most of an answer is wrong, with the truth in place of the float model's boxes.
    """

    model: str
    model_sha256: str
    against: str
    data: str
    data_sha256: str
    device: str
    pictures: Annotated[int, Range(1)]
    agreement: Share
    snr_db: float
    calibrated_on: Annotated[int, Range(0)]
    flipped: tuple[ShownImage, ...]
    answers: tuple[ShownImage, ...]
    skipped: dict[str, str]
    golden: GoldenResult | None = None
    metrics: dict[str, Metric] = field(default_factory=dict)
    drop: Share | None = None
    task: str = "classification"
    trained_on: Annotated[int, Range(0)] = 0
    notes: tuple[str, ...] = ()
    better_input: BetterInput | None = None
    right: Base64 | None = None
    details: dict[str, Metric] = field(default_factory=dict)
    parts_agree: Share | None = None
    confidence: Confidence | None = None
    rejected: Share | None = None
    others: str = ""
    false_alarms: Share | None = None
    errors: BoxErrors | None = None
    worst: tuple[ShownImage, ...] = ()

    def summary(self) -> Accuracy:
        """What goes into the artifact's contract: the measured shares and what they were measured on."""
        return Accuracy(
            against=self.against,
            data=self.data,
            data_sha256=self.data_sha256,
            pictures=self.pictures,
            metrics=self.metrics,
            drop=self.drop,
            agreement=self.agreement,
            snr_db=self.snr_db,
            calibrated_on=self.calibrated_on,
            trained_on=self.trained_on,
        )
