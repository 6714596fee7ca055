"""The contract: all that a program must know to use a model, in one frozen value.

It travels inside the `.keras` file (as `edgecnn.json`) and inside the `.tflite` file (metadata buffer `edgecnn`).
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModelFileError

FORMAT = 1
COLORS = ("rgb", "bgr", "gray")
RESIZES = ("area", "bilinear", "bicubic", "nearest")
FITS = ("crop", "stretch", "pad")
OUTPUTS = ("logits", "probabilities")


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the input tensor, shape (1, height, width, channels).

    Attributes:
        height: rows of the input tensor.
        width: columns of the input tensor.
        color: channel order of the tensor, one of `COLORS`.
        resize: interpolation, one of `RESIZES`; "area" averages when it shrinks and is bicubic when it enlarges.
        fit: what happens to a picture of another aspect ratio, one of `FITS`.
        crop: with fit "crop", the share of the largest centered window of the tensor's aspect ratio that is kept.
        mean: per channel, in pixel values 0..255.
        std: per channel, in pixel values; the model sees (pixel - mean) / std.
    """

    height: int
    width: int
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
            raise ModelFileError(f"Contract: crop is {self.crop}; expected a share above 0 and at most 1.")
        if self.height < 1 or self.width < 1:
            raise ModelFileError(f"Contract: input size is {self.height} x {self.width}; expected positive numbers.")
        for values in (self.mean, self.std):
            if len(values) not in (1, self.channels):
                raise ModelFileError(f"Contract: {values} has {len(values)} values; expected 1 or {self.channels}.")
        if any(value == 0 for value in self.std):
            raise ModelFileError("Contract: std has a zero; the model's input is (pixel - mean) / std.")

    @property
    def channels(self) -> int:
        """Channels of the input tensor."""
        return 1 if self.color == "gray" else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)


@dataclass(frozen=True)
class Contract:
    """What a model file promises.

    Attributes:
        preprocessing: how a picture becomes the input tensor.
        output: what the output tensor, shape (1, classes), holds: one of `OUTPUTS`.
        labels: class names in output order; empty when unknown.
        label_ids: machine names in the same order (ImageNet: WordNet ids); may be empty.
        model: what was built: name, arguments, parameters, paper, license.
        provenance: where the file came from: versions, seeds, hashes, scheme, calibration list.
        accuracy: what was measured, and on what.
        golden: golden vectors, see `edgecnn.runtime.run.golden`.
        assumed: what was not known and had to be assumed, in sentences for the user; empty for our own files.
    """

    preprocessing: Preprocessing
    output: str = "logits"
    labels: tuple[str, ...] = ()
    label_ids: tuple[str, ...] = ()
    model: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    accuracy: dict[str, Any] = field(default_factory=dict)
    golden: dict[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise ModelFileError(f"Contract: output is {self.output!r}; expected one of {', '.join(OUTPUTS)}.")

    @property
    def name(self) -> str:
        """The model's name, for people."""
        return str(self.model.get("name", "model"))

    def label(self, index: int) -> str:
        """The class name of one output, or its number where names are unknown."""
        return self.labels[index] if index < len(self.labels) else str(index)

    def replace(self, **changes: Any) -> Contract:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Contract:
        """The inverse of `to_dict`.

        Raises:
            ModelFileError: a field is missing or wrong, or the format is newer than this program.
        """
        version = values.get("format")
        if version != FORMAT:
            raise ModelFileError(
                f"The contract has format {version!r}; this edgecnn reads format {FORMAT}. Upgrade edgecnn."
            )
        try:
            preprocessing = dict(values["preprocessing"])
            for key in ("mean", "std"):
                preprocessing[key] = tuple(float(value) for value in preprocessing[key])
            rest = {key: value for key, value in values.items() if key not in ("format", "preprocessing")}
            for key in ("labels", "label_ids", "assumed"):
                rest[key] = tuple(rest.get(key, ()))
            return cls(preprocessing=Preprocessing(**preprocessing), **rest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(f"The contract inside the model file can't be read: {error!r}.") from error

    def to_json(self) -> str:
        """Deterministic JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
