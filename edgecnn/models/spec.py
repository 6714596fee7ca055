"""What is known of a model variant before anything is built: one frozen row of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgecnn.runtime.model.contract import Preprocessing


@dataclass(frozen=True)
class Limit:
    """What can't go to int8 or to an accelerator, known before anything is built.

    Attributes:
        target: "int8", or a target of `edgecnn/targets/`.
        layers: patterns of the layers' names, `*` for what differs between blocks.
        reason: why, and what becomes of them.
    """

    target: str
    layers: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        name = {"edgetpu": "Edge TPU"}.get(self.target, self.target)
        return f"{name}: {', '.join(self.layers)}: {self.reason}"


@dataclass(frozen=True)
class ModelSpec:
    """One row of a family's `VARIANTS` table.

    Attributes:
        input_size: height and width, in pixels, that the paper trained with.
        paper: title, authors' short form and year.
        url: where the paper is.
        parameters: published count of trainable parameters with a head of 1,000 classes, as many digits as printed.
        macs: published multiply-accumulates for one image at `input_size`.
        top1: ImageNet top-1 accuracy in percent, as published by the paper or by the authors of the weights.
        arguments: keyword arguments of the family's `build` function that make this variant.
        mean: input normalization per channel, in pixel values 0..255; the model sees (pixel - mean) / std.
        std: see `mean`.
        crop: share of the shorter side that the central evaluation crop keeps.
        fit: what happens to an image of another aspect ratio, as in the contract.
        license: license of the published weights.
        weights: names of the sources in `edgecnn/weights/` that have ImageNet weights, best first.
        smallest: smallest height and width, in pixels, that leave something of the last feature map.
        limits: what can't go to int8 or to the Edge TPU.
    """

    input_size: int
    paper: str
    url: str
    parameters: float
    macs: float
    top1: float
    arguments: Mapping[str, Any] = field(default_factory=dict)
    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (127.5,)
    crop: float = 0.875
    fit: str = "crop"
    license: str = "Apache-2.0"
    weights: tuple[str, ...] = ()
    smallest: int = 32
    limits: tuple[Limit, ...] = ()

    def preprocessing(
        self, input_size: int | None = None, color: str = "rgb", input_width: int | None = None
    ) -> Preprocessing:
        """The contract's input side, at another input size, not square or in grayscale if asked.

        A gray image has one channel, so it gets the average of the colors' mean and std.
        """
        size = input_size or self.input_size
        mean, std = (_averaged(self.mean), _averaged(self.std)) if color == "gray" else (self.mean, self.std)
        return Preprocessing(size, input_width or size, color=color, fit=self.fit, crop=self.crop, mean=mean, std=std)


def _averaged(values: tuple[float, ...]) -> tuple[float]:
    return (sum(values) / len(values),)


class FamilyFile(Protocol):
    """A file of `edgecnn/models/families/`."""

    @property
    def VARIANTS(self) -> Mapping[str, ModelSpec]:  # noqa: N802
        """Rows of data by name; reading it costs no TensorFlow."""

    @property
    def build(self) -> Callable[..., Any]:
        """(input_shape, classes, width, and the arguments of the variant's row) -> Keras model."""


class Family(FamilyFile, Protocol):
    """The same with what a file may leave out."""

    @staticmethod
    def training_model(model: Any) -> tuple[Any, tuple[float, ...]] | None:
        """For training: a model with auxiliary outputs beside the logits, and their loss weights; None for none."""
        return None
