"""The rungs, from cheap to dear: first what costs nothing on the device, last what is slowest there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.ladder import trained
from edgecnn.ladder.task import Task
from edgecnn.runtime.model.model_file import ModelFile

Make = Callable[[Task, Path], ModelFile]


@dataclass(frozen=True)
class Rung:
    """One way to an artifact.

    Attributes:
        name: for the account.
        what: it does, in a few words.
        make: writes the artifact; raises QuantizationError or UsageError where the model can't have it.
        edge_tpu: whether an Edge TPU could run the result.
        integer: whether it computes without float.
        per_tensor: whether it goes with one weight scale per tensor.
        trains: whether it needs training pictures.
        float_is_better: where float is allowed, another rung has the same accuracy in less time.
        edge_tpu_only: elsewhere another rung is better.
    """

    name: str
    what: str
    make: Make
    edge_tpu: bool = True
    integer: bool = True
    per_tensor: bool = False
    trains: bool = False
    float_is_better: bool = False
    edge_tpu_only: bool = False

    def reason_to_skip(self, task: Task) -> str:
        """Why it isn't tried; empty if it is."""
        bounds = task.bounds
        if bounds.edge_tpu and not self.edge_tpu:
            return "an Edge TPU doesn't run it"
        if bounds.per_tensor and not self.per_tensor:
            return "it has a scale per channel"
        if bounds.integer and not self.integer:
            return "it computes in float"
        if self.float_is_better and not bounds.integer:
            return "int8_mixed is as accurate and faster; --integer tries it"
        if self.edge_tpu_only and not bounds.edge_tpu:
            return "hard_swish is nearer to swish; --edge-tpu tries it"
        if self.trains and task.training is None:
            return "needs --train-data"
        return ""


def _scheme(scheme: str, improve: str | None = None) -> Make:
    return lambda task, output: task.quantize(output, scheme, improve)


RUNGS = (
    Rung("plain", "int8, rounded to nearest", _scheme("int8", "none"), per_tensor=True),
    Rung("ranges", "int8, ranges by what reads them", _scheme("int8:ranges")),
    Rung("fast", "int8, rounded by outputs", _scheme("int8", "fast"), per_tensor=True),
    Rung("equalized", "int8, exploding channels scaled down", _scheme("int8:equalized")),
    Rung("best", "int8, rounded layer by layer", _scheme("int8", "best"), per_tensor=True),
    Rung(
        "int8_mixed", "int8, some layers in float", _scheme("int8_mixed", "best"),
        edge_tpu=False, integer=False,
    ),
    Rung(
        "int8_int16", "int8, some layers in int16", _scheme("int8_int16", "best"),
        edge_tpu=False, float_is_better=True,
    ),
    Rung("hard_swish", "trained on, hard-swish for swish", trained.swap("hard_swish"), edge_tpu=False, trains=True),
    Rung("relu6", "trained on, ReLU6 for swish", trained.swap("relu6"), trains=True, edge_tpu_only=True),
    Rung("qat", "trained on with int8's rounding", trained.aware, trains=True),
    Rung("dynamic_int8", "int8 weights, float activations", _scheme("dynamic_int8"), edge_tpu=False, integer=False),
    Rung("int16x8", "int16 activations in all layers", _scheme("int16x8"), edge_tpu=False),
)  # fmt: skip
