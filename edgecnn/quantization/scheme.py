"""What a scheme is, what it gets, and what the integer schemes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgecnn.core.compat.converter import quantized
from edgecnn.core.errors import QuantizationError
from edgecnn.core.registry import SCHEMES
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph.activations import Inputs
from edgecnn.graph.edit import Ranges, with_ranges
from edgecnn.graph.simulation import Measured
from edgecnn.quantization import own_grid
from edgecnn.runtime.run.interpreter import quiet

if TYPE_CHECKING:
    from edgecnn.quantization.aware import Aware


@dataclass(frozen=True)
class Job:
    """One conversion.

    Attributes:
        model: the frozen float model.
        io: type of the input and output tensors: "uint8", "int8", "int16" or "float32".
        inputs: starts a fresh pass over the calibration tensors, float32 (1, height, width, channels).
        prepare: calibrates and improves, when it is called: `prepare(per_channel)` gives a float `.tflite` whose
            weights are ready to be rounded, and the ranges.
        aware: the model with the ranges of its quantization-aware training, if it had one.
        improve: the level of improvement that was asked for, if one was.
        notes: what the scheme did that the contract's provenance should tell, by key.
        measured: what noise is measured on; by default the model's outputs, all alike.
    """

    model: FloatModel
    io: str
    inputs: Callable[[], Inputs]
    prepare: Callable[[bool], tuple[bytes, Ranges]]
    aware: Aware | None = None
    improve: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    measured: Measured | None = None


class SchemeFile(Protocol):
    """A file of `edgecnn/quantization/schemes/`.

    Attributes:
        SUMMARY: one line for help.
        CALIBRATED: whether it needs calibration images.
        INTEGER: whether the whole model computes in integers.
    """

    SUMMARY: str
    CALIBRATED: bool
    INTEGER: bool

    @property
    def IO(self) -> tuple[str, ...]:  # noqa: N802
        """Types that input and output can have; the first is the default."""

    def convert(self, job: Job) -> bytes:
        """The `.tflite` model.

        Raises:
            QuantizationError: the model can't be converted so.
        """


class Scheme(SchemeFile, Protocol):
    """The same with what a file may leave out.

    Attributes:
        IMPROVE: the level of remedies unless another is asked for; None for a scheme that has no levels.
    """

    IMPROVE: str | None = None

    @staticmethod
    def check(path: Path) -> None:
        """Refuse what a model's file shows to be wrong before it is loaded, which takes seconds.

        Raises:
            UsageError: the scheme's argument doesn't fit the file.
        """
        return None


def scheme(name: str) -> Scheme:
    """A scheme by its name, perhaps with an argument after a colon.

    Raises:
        UsageError: there is none.
    """
    return SCHEMES.plugin(name, Scheme)


def quantize_with_ranges(
    model: bytes, ranges: Ranges, io: str, *, per_channel: bool, keep_float: Sequence[str] = ()
) -> bytes:
    """TensorFlow's own quantizer, fed with our ranges: float `.tflite` -> full-integer `.tflite`.

    Channels whose weights lie on an int8 grid already keep it, see `own_grid`.

    Args:
        model: float `.tflite`.
        ranges: (min, max) of every activation.
        io: type of the input and output tensors.
        per_channel: whether every output channel has a weight scale of its own.
        keep_float: names of operators' outputs; these operators aren't quantized.

    Raises:
        QuantizationError: the quantizer refuses the model.
    """
    try:
        with quiet():
            found = quantized(with_ranges(model, ranges), io, per_channel=per_channel, keep_float=keep_float)
    except Exception as error:  # the quantizer's own exception type is private
        raise QuantizationError(
            f"TensorFlow's quantizer can't convert the model: {str(error).strip()[:300].rstrip('.')}. Try another "
            "--scheme."
        ) from error
    return own_grid.restored(model, found) if per_channel else found


def representative(inputs: Inputs) -> Callable[[], Any]:
    """The inputs as TensorFlow's calibrator wants them."""

    def generator() -> Any:
        for tensor in inputs:
            yield [tensor.astype(np.float32, copy=False)]

    return generator
