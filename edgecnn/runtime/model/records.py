"""What a contract records of a model: what was built, how it came about, what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from .validation import Length, Range, Record, renamed

_LONGEST_OUTPUT = 1 << 24  # characters; a classifier's has some thousands


@dataclass(frozen=True)
class Share(Record):
    """A share of images with a 95 % confidence interval.

    Attributes:
        percent: the share.
        low_percent: lower end of the interval.
        high_percent: upper end of the interval.
        count: how many images it is.
        total: of how many.
    """

    percent: float
    low_percent: float
    high_percent: float
    count: int
    total: int

    def __str__(self) -> str:
        return f"{self.percent:.1f} % [{self.low_percent:.1f}, {self.high_percent:.1f}]"


@dataclass(frozen=True)
class Metric(Record):
    """One figure of merit of both models, on the same images.

    Attributes:
        float_model: of the float model.
        artifact: of the artifact.
    """

    float_model: Share
    artifact: Share


class WithMetrics(Record):
    """A record with a field `metrics`, dict[str, Metric], whose JSON has the keys NAME and float_NAME for each.

    They are attributes too: `verification.top1` is the artifact's, `verification.float_top1` the float model's.
    """

    def __getattr__(self, name: str) -> Share:
        metrics: Mapping[str, Metric] = vars(self).get("metrics", {})
        if name in metrics:
            return metrics[name].artifact
        if name.startswith("float_") and name[6:] in metrics:
            return metrics[name[6:]].float_model
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}; it has {', '.join(metrics)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = super().to_dict()
        for name, metric in values.pop("metrics", {}).items():
            values |= {f"float_{name}": metric["float_model"], name: metric["artifact"]}
        return values

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The two keys of each metric as one."""
        names = [key[6:] for key, value in values.items() if key.startswith("float_") and isinstance(value, Mapping)]
        metrics = {name: {"float_model": values[f"float_{name}"], "artifact": values.get(name)} for name in names}
        taken = {key for name in names for key in (name, f"float_{name}")}
        return {**{key: value for key, value in values.items() if key not in taken}, "metrics": metrics}


@dataclass(frozen=True)
class Accuracy(WithMetrics):
    """What was measured, and on what.

    Attributes:
        trained: what training measured of the float model, e.g. "test_top1_percent".
        against: name of the float model that the artifact was compared with.
        data: DATA of the comparison.
        data_sha256: digest of its images and their labels or boxes.
        pictures: how many images.
        metrics: figures of merit by name, "top1" for example.
        drop: percentage points of the first metric that the artifact loses.
        agreement: share of the images for which both models give the same answer.
        snr_db: signal-to-noise ratio of the outputs, mean over the images.
        calibrated_on: how many of the images the artifact was calibrated on.
        trained_on: how many of the images the model was trained on.
        extra: what else was recorded.
    """

    SPARSE = True
    EXTRA = "extra"

    trained: dict[str, float] = field(default_factory=dict)
    against: str = ""
    data: str = ""
    data_sha256: str = ""
    pictures: Annotated[int, Range(0)] = 0
    metrics: dict[str, Metric] = field(default_factory=dict)
    drop: Share | None = None
    agreement: Share | None = None
    snr_db: float | None = None
    calibrated_on: Annotated[int, Range(0)] = 0
    trained_on: Annotated[int, Range(0)] = 0
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """0.1 called `trained` float."""
        return super().upgraded(renamed(values, {"float": "trained"}))


@dataclass(frozen=True)
class QatRecord(Record):
    """The ranges of a quantization-aware model.

    Attributes:
        ranges: (min, max) of each activation by its layer.
        weights: digest of the weights that they belong to.
    """

    ranges: dict[str, tuple[float, float]]
    weights: str


@dataclass(frozen=True)
class Change(Record):
    """A metric of the float model before and after a step, in percent.

    Attributes:
        before: the metric before the step.
        after: and after it.
        pictures: on how many images.
        split: of which split: "test" or "validation".
        metric: its name, for people.
    """

    before: float
    after: float
    pictures: int
    split: str
    metric: str = "top-1"


@dataclass(frozen=True)
class CompressionStep(Record):
    """One step that made a model smaller.

    Attributes:
        method: a file of `edgecnn/compression/methods/`.
        score: what it cost.
        layers: those that it changed, where the method tells.
        extra: what else the method records.
    """

    SPARSE = True
    EXTRA = "extra"

    method: str
    score: Change | None = None
    layers: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """0.1 called the score `top1_percent`."""
        return renamed(values, {"top1_percent": "score"})


@dataclass(frozen=True)
class ModelDescription(Record):
    """What was built.

    Attributes:
        name: of the architecture.
        family: a file of `edgecnn/models/families/`; empty for a model by others.
        arguments: input_size, width, classes, color.
        weights: "none", "imagenet" or "file".
        parameters: of the whole network; None where they were not counted.
        macs: multiply-accumulates of the whole network; None where they were not counted.
        paper: of the architecture.
        url: of the paper or the weights.
        license: of the weights.
        limits: what the model can't do, in sentences.
        qat: the ranges of its quantization-aware training, if it had one.
        compression: the steps that made it smaller, in order.
        extra: what else was recorded.
    """

    SPARSE = True
    EXTRA = "extra"

    name: str = "model"
    family: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    weights: str = ""
    parameters: Annotated[int, Range(0)] | None = None
    macs: Annotated[int, Range(0)] | None = None
    paper: str = ""
    url: str = ""
    license: str = ""
    limits: tuple[str, ...] = ()
    qat: QatRecord | None = None
    compression: tuple[CompressionStep, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Golden(Record):
    """Golden vectors, see `edgecnn.runtime.run.golden`.

    Attributes:
        generator: what makes the inputs.
        seed: of the generator.
        count: how many there are.
        dtype: number type of the outputs.
        outputs: the raw outputs, little-endian bytes in base64.
    """

    generator: str
    seed: Annotated[int, Range(0, 2**32 - 1)]
    count: Annotated[int, Range(1, 1024)]
    dtype: Annotated[str, Length(16)]
    outputs: tuple[Annotated[str, Length(_LONGEST_OUTPUT)], ...]
