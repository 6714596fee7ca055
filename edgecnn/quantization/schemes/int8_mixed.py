"""int8, but the few layers that lose most stay in float: on a CPU only, for they cost conversions and float time.

`int8_mixed:LAYER,LAYER` keeps the named layers in float instead, and `int8_mixed:90%` as many as make that share of the
noise, however many and however large they are; its input and output are float32, unless another type is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import QuantizationError, UsageError
from edgecnn.float_model import keras_file
from edgecnn.graph.edit import Ranges
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.quantization import mixed_precision
from edgecnn.quantization.scheme import Job, quantize_with_ranges

SUMMARY = "int8, but the noisiest layers in float: CPU only"
IO = ("uint8", "int8", "float32")
CALIBRATED = True
INTEGER = False
IMPROVE = "fast"  # level of `edgecnn.quantization.remedies`, unless another is asked for

# Weights of a layer that may stay in float unasked: a share of all, or so many that no file is large by them.
_LARGEST_SHARE, _LARGEST = 0.1, 50_000


def convert(job: Job) -> bytes:
    """See `edgecnn.quantization.scheme.Job`. Quantizes twice: once to find the layers.

    Raises:
        QuantizationError: none of the layers is small enough to stay in float.
    """
    return _noisiest_in_float(job, allowed=_is_small)


def _noisiest_in_float(job: Job, **chosen: Any) -> bytes:
    """With the layers that `mixed_precision.noisiest` finds for these arguments."""
    model, ranges = job.prepare(True)
    graph = quantize_with_ranges(model, ranges, job.io, per_channel=True)
    numbers = mixed_precision.noisiest(job, model, graph, **chosen)
    if not numbers:
        raise QuantizationError(
            "No layer of the model can be kept in float: each candidate is the last one, or it or one of its consumers "
            "has too many weights. Name layers with --keep-float, or use --scheme int8."
        )
    return _with_float(job, model, ranges, numbers)


def _with_float(job: Job, model: bytes, ranges: Ranges, numbers: list[int]) -> bytes:
    job.notes["float_layers"] = kept = mixed_precision.outputs(model, numbers)
    model = mixed_precision.with_own_weights(model, job.model.float32, numbers)
    return quantize_with_ranges(model, ranges, job.io, per_channel=True, keep_float=kept)


def _is_small(network: FloatGraph, number: int) -> bool:
    """Whether the file hardly grows: a classifier with 1,000 outputs in float would nearly double Lite0."""
    tensors = network.graph.tensors
    constants = [
        sum(tensors[index].elements for index in operator.inputs if index >= 0 and tensors[index].is_constant)
        for operator in network.graph.operators
    ]
    return constants[number] <= max(_LARGEST, _LARGEST_SHARE * sum(constants))


@dataclass(frozen=True)
class _Configured:
    """What is the same in all forms of the scheme."""

    SUMMARY: str = SUMMARY
    IO: tuple[str, ...] = IO
    CALIBRATED: bool = CALIBRATED
    INTEGER: bool = INTEGER
    IMPROVE: str | None = IMPROVE

    def check(self, path: Path) -> None:
        """See `edgecnn.quantization.scheme.Scheme`."""


@dataclass(frozen=True)
class Noisiest(_Configured):
    """The scheme with the layers that make a share of the noise; to round input and output makes noise, too."""

    IO: tuple[str, ...] = ("float32", "uint8", "int8")
    share: float = 0.5

    def convert(self, job: Job) -> bytes:
        """See `convert`."""
        return _noisiest_in_float(job, share=self.share, most=None)


@dataclass(frozen=True)
class Named(_Configured):
    """The scheme with layers that a person chose."""

    layers: tuple[str, ...] = ()

    def check(self, path: Path) -> None:
        """See `edgecnn.quantization.scheme.Scheme`; other kinds of files show their layers only once converted."""
        if path.suffix == ".keras" and path.is_file():
            mixed_precision.check_layers(self.layers, keras_file.layer_names(path))

    def convert(self, job: Job) -> bytes:
        """See `edgecnn.quantization.scheme.Job`.

        Raises:
            UsageError: the model has no such layer.
        """
        numbers = mixed_precision.named(job.model.float32, self.layers)
        return _with_float(job, *job.prepare(True), numbers)


def configured(argument: str) -> Named | Noisiest:
    """The scheme for `int8_mixed:LAYER,LAYER` or `int8_mixed:90%`."""
    if argument.endswith("%"):
        return Noisiest(share=_share(argument))
    layers = tuple(part.strip() for part in argument.split(",") if part.strip())
    if not layers:
        raise UsageError(
            "The scheme is int8_mixed: without layer names; expected names after the colon, for example "
            "int8_mixed:stem_conv,block0_bn, or a share of the noise, for example int8_mixed:90%."
        )
    return Named(layers=layers)


def _share(text: str) -> float:
    try:
        percent = float(text[:-1])
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise UsageError(
            f"The scheme is int8_mixed:{text}; expected a share of the noise above 0 and up to 100 %, for example "
            "int8_mixed:90%."
        )
    return percent / 100
