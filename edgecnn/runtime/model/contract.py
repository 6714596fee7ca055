"""The contract: all that a program must know to use a model, in one frozen value.

It travels inside the `.keras` file (as `edgecnn.json`) and inside the `.tflite` file (metadata buffer `edgecnn`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from ..errors import ModelFileError
from .json_text import printable
from .provenance import Provenance
from .records import Accuracy, Golden, ModelDescription
from .rejection import Rejection
from .validation import Length, Range, Record

FORMAT = 1
COLORS = ("rgb", "bgr", "gray")
RESIZES = ("area", "bilinear", "bicubic", "nearest")
FITS = ("crop", "stretch", "pad")
TASK = "classification"
"""What the contracts of 0.1, which name no task, are for."""
LARGEST_SIDE = 1 << 16


@dataclass(frozen=True)
class Preprocessing(Record):
    """How an image becomes the input tensor, shape (1, height, width, channels).

    Attributes:
        height: rows of the input tensor.
        width: columns of the input tensor.
        color: channel order of the tensor, one of `COLORS`.
        resize: interpolation, one of `RESIZES`; "area" averages when it shrinks and is bicubic when it enlarges.
        fit: what happens to an image of another aspect ratio, one of `FITS`.
        crop: with fit "crop", the share of the largest centered window of the tensor's aspect ratio that is kept.
        mean: per channel, in pixel values 0..255.
        std: per channel, in pixel values; the model sees (pixel - mean) / std.
    """

    height: Annotated[int, Range(1, LARGEST_SIDE)]
    width: Annotated[int, Range(1, LARGEST_SIDE)]
    color: str = "rgb"
    resize: str = "area"
    fit: str = "crop"
    crop: float = 0.875
    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (127.5,)

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("color", self.color, COLORS),
            ("resize", self.resize, RESIZES),
            ("fit", self.fit, FITS),
        ):
            if value not in choices:
                raise ModelFileError(f"Contract: {name} is {value!r}; expected one of {', '.join(choices)}.")
        if not 0 < self.crop <= 1:
            raise ModelFileError(f"Contract: crop is {self.crop}; expected a share above 0 and up to 1.")
        if self.height < 1 or self.width < 1:
            raise ModelFileError(f"Contract: input size is {self.height} x {self.width}; expected positive numbers.")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels):
                raise ModelFileError(f"Contract: {name} has {len(values)} values; expected 1 or {self.channels}.")
        if any(value == 0 for value in self.std):
            raise ModelFileError(
                "Contract: std contains 0; expected other numbers, because the model's input is (pixel - mean) / std."
            )

    @property
    def channels(self) -> int:
        """Channels of the input tensor."""
        return 1 if self.color == "gray" else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)


@dataclass(frozen=True)
class Contract(Record):
    """What a model file promises.

    Attributes:
        preprocessing: how an image becomes the input tensor.
        task: what the model is for, a file of `edgecnn/runtime/tasks/`.
        output: what its output tensors hold, one of the task's kinds.
        labels: class names in output order; empty when unknown.
        label_ids: machine names in the same order (ImageNet: WordNet ids); may be empty.
        model: what was built.
        provenance: where the file came from.
        accuracy: what was measured, and on what.
        golden: golden vectors, see `edgecnn.runtime.run.golden`; None for a file that was not converted, or by others.
        rejection: what makes an image none of a classifier's classes; None for a model that always names one.
        assumed: what was not known and had to be assumed, in sentences for the user; empty for our own files.
        extra: what a newer version or a task of another distribution adds.
    """

    EXTRA = "extra"
    DERIVED = ("format",)

    preprocessing: Preprocessing
    task: Annotated[str, Length(100)] = TASK
    output: Annotated[str, Length(100)] = "logits"
    labels: tuple[str, ...] = ()
    label_ids: tuple[str, ...] = ()
    model: ModelDescription = field(default_factory=ModelDescription)
    provenance: Provenance = field(default_factory=Provenance)
    accuracy: Accuracy = field(default_factory=Accuracy)
    golden: Golden | None = None
    rejection: Rejection | None = None
    assumed: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> int:
        """Of what `to_dict` gives."""
        return FORMAT

    @property
    def name(self) -> str:
        """The model's name, for people."""
        return self.model.name

    def label(self, index: int) -> str:
        """The class name of one output, or its number where names are unknown."""
        return self.labels[index] if index < len(self.labels) else str(index)

    def replace(self, **changes: Any) -> Contract:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """0.1 wrote {} for what has no golden vectors.

        Raises:
            ModelFileError: the format is newer than this program.
        """
        version = values.get("format")
        if version != FORMAT:
            raise ModelFileError(
                f"The contract has format {printable(repr(version))[:40]}, but this edgecnn reads format "
                f"{FORMAT}. Upgrade edgecnn."
            )
        return {**values, "golden": values.get("golden") or None}

    def to_json(self) -> str:
        """Deterministic JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
