"""Where a model file came from: weights, training, conversion, calibration, and what was tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from .records import Share
from .validation import Length, Pattern, Range, Record, renamed

Count = Annotated[int, Range(0)]


@dataclass(frozen=True)
class WeightsOrigin(Record):
    """Where the weights came from.

    Attributes:
        source: "none", or what brought them.
        file: its name, where it was one.
        sha256: digest of that file.
        extra: what else the source records.
    """

    SPARSE = True
    EXTRA = "extra"

    source: str = ""
    file: str = ""
    sha256: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainedPhase(Record):
    """One phase of training: head, fine-tuning, ...

    Attributes:
        name: of the phase.
        settings: fields of `FitSettings`.
        auxiliary_weights: of the losses of auxiliary classifiers, where it had any.
    """

    SPARSE = True

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    auxiliary_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class TrainingOrigin(Record):
    """How a model was trained.

    Attributes:
        data: DATA.
        strategy: a file of `edgecnn/training/strategies/`.
        pictures: images by split.
        digests: of the images, by split.
        phases: in order; in JSON they are called stages.
        versions: of edgecnn, TensorFlow and NumPy.
    """

    data: str
    strategy: str
    pictures: dict[str, Count] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    phases: tuple[TrainedPhase, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return renamed(super().to_dict(), {"phases": "stages"})

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The key of `to_dict`."""
        return renamed(values, {"stages": "phases"})


@dataclass(frozen=True)
class CalibrationSet(Record):
    """The images that showed the converter the ranges of activations.

    Attributes:
        data: DATA.
        samples: how many were used.
        seed: of their choice.
        sha256: of the list.
        pictures: the first 16 digits of each image's digest by its name.
        skipped: names of those that can't be read.
    """

    data: str
    samples: Count
    seed: int = 0
    sha256: str = ""
    pictures: dict[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingImages(Record):
    """The images that the weights were fitted to.

    Attributes:
        images: how many.
        digests: the first five bytes of each one's SHA-256 (of many images a sample), in base64; see
            `edgecnn.data.seen`.
    """

    images: Count
    digests: Annotated[str, Length(1 << 20), Pattern(r"[A-Za-z0-9+/]*={0,2}", "base64")] = ""


@dataclass(frozen=True)
class Improvement(Record):
    """How rounding and ranges were improved.

    Attributes:
        level: "none", "fast" or "best".
        pictures: on how many images.
        layers: how many layers the network has.
        remedies: what was applied, in order.
        extra: what else a remedy records.
    """

    SPARSE = True
    EXTRA = "extra"

    level: str = "none"
    pictures: Count = 0
    layers: Count = 0
    remedies: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


VERDICTS = {"held": "met", "not shown": "inconclusive", "missed": "not met"}
"""What 0.1 called the verdicts, and what they are called now."""


@dataclass(frozen=True)
class Tried(Record):
    """A configuration of the ladder that was tried.

    Attributes:
        configuration: its name.
        what: it does, in a few words.
        verdict: "met" (the whole confidence interval lies within the bounds), "inconclusive" (the measured value does,
            but there are too few images to tell), or "not met".
        agreement: share of images with the float model's answer.
        metric: the task's first figure of merit, e.g. top-1; None without labels.
        drop: percentage points of it that are lost.
        size_bytes: of the artifact.
        latency_ms: median on this machine, one thread: to compare configurations, not boards.
        added_latency_ms: how much more the shortest run takes than that of the first configuration, in interleaved
            runs.
        pictures: evaluated on so many images.
        pictures_needed: about how many would tell, an estimate; 0 where it is told already or can't be.
    """

    configuration: str
    what: str
    verdict: Literal["met", "inconclusive", "not met"]
    agreement: Share
    metric: Share | None
    drop: Share | None
    size_bytes: Count
    latency_ms: float
    added_latency_ms: float
    pictures: Count
    pictures_needed: Count = 0

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """0.1 had other words."""
        values = renamed(values, {"rung": "configuration", "price_ms": "added_latency_ms", "top1": "metric"})
        verdict = values.get("verdict")
        return {**values, "verdict": VERDICTS.get(verdict, verdict) if isinstance(verdict, str) else verdict}


@dataclass(frozen=True)
class Skipped(Record):
    """A configuration that was not tried, or that this model can't have.

    Attributes:
        configuration: its name.
        what: it does, in a few words.
        reason: why not.
    """

    DERIVED = ("verdict",)

    configuration: str
    what: str
    reason: str

    @property
    def verdict(self) -> str:
        """For those who read the JSON."""
        return "skipped"

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """0.1 had another word."""
        return renamed(values, {"rung": "configuration"})


@dataclass(frozen=True)
class Provenance(Record):
    """Where a model file came from.

    Attributes:
        seed: of the random weights.
        weights: where they came from.
        training: how it was trained; None if it was not trained here.
        trained_on: on which images.
        edgecnn: the version that converted it.
        tensorflow: and TensorFlow's.
        scheme: of the quantization.
        io: type of its input and output tensors.
        float_sha256: digest of the float `.tflite`.
        float_size_bytes: its size.
        qat: whether the ranges are those of quantization-aware training.
        calibration: the images that it was calibrated on.
        improve: how rounding and ranges were improved.
        ladder: every configuration that was tried for a bound, in order.
        extra: what a scheme or a target records, e.g. "float_layers" and "edgetpu".
    """

    SPARSE = True
    EXTRA = "extra"

    seed: int | None = None
    weights: WeightsOrigin | None = None
    training: TrainingOrigin | None = None
    trained_on: TrainingImages | None = None
    edgecnn: str = ""
    tensorflow: str = ""
    scheme: str = ""
    io: str = ""
    float_sha256: str = ""
    float_size_bytes: Count = 0
    qat: bool = False
    calibration: CalibrationSet | None = None
    improve: Improvement | None = None
    ladder: tuple[Tried | Skipped, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
