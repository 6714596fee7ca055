"""What `edgecnn inspect` takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Settings, option
from edgecnn.core.registry import TARGETS


@dataclass(frozen=True)
class InspectSettings(Settings):
    """What is shown of a model, and at which input sizes."""

    all: bool = option("Also show norms, activations and reshapes, which are hidden by default.", False)
    geometry: bool = option("Also show the arithmetic of output sizes, padding, dilation and centers.", False)
    effective: bool = option("Measure the effective receptive field by gradients (not for .tflite files).", False)
    layers: tuple[str, ...] = option(
        "Measure the effective receptive field of this layer; repeatable.",
        (), key="layer", metavar="NAME", repeated=True,
    )  # fmt: skip
    input_size: tuple[int, ...] = option(
        "Build at another input size; several sizes show how the cost grows.",
        (), low=8, high=4096, unit="pixels", metavar="N[,N...]",
    )  # fmt: skip
    no_timing: bool = option("With several input sizes: count the costs, but measure no latency.", False)
    target: str | None = option("Show which operators run on this accelerator.", choices=TARGETS.names)
