"""int8, but the few layers that lose most stay in float: on a CPU only, for they cost conversions and float time.

`int8_mixed:LAYER,LAYER` keeps the named layers in float instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.errors import UsageError
from edgecnn.quantize import _spared
from edgecnn.quantize._scheme import Job, quantize_with_ranges
from edgecnn.quantize.improve._network import Network

SUMMARY = "int8, the layers that lose most in float: CPU only"
IO = ("uint8", "int8", "float32")
CALIBRATED = True
INTEGER = False
IMPROVE = "fast"  # level of `edgecnn.quantize.improve`, unless another is asked for

# Weights of a layer that may stay in float unasked: a share of all, or so many that no file is large by them.
_LARGEST_SHARE, _LARGEST = 0.1, 50_000


def convert(job: Job) -> bytes:
    """See `edgecnn.quantize._scheme.Job`. Quantizes twice: once to find the layers."""
    model, ranges = job.prepare(True)
    graph = quantize_with_ranges(model, ranges, job.io, per_channel=True)
    kept = _spared.outputs(model, _spared.noisiest(job, model, graph, _is_small))
    return quantize_with_ranges(model, ranges, job.io, per_channel=True, keep_float=kept)


def _is_small(network: Network, number: int) -> bool:
    """Whether the file hardly grows: a classifier with 1,000 outputs in float would nearly double Lite0."""
    weights = {each: network.graph.tensors[layer.weights].elements for each, layer in network.layers.items()}
    return weights.get(number, 0) <= max(_LARGEST, _LARGEST_SHARE * sum(weights.values()))


@dataclass(frozen=True)
class Named:
    """The scheme with layers that a person chose."""

    layers: tuple[str, ...]
    IO: tuple[str, ...] = IO
    CALIBRATED: bool = CALIBRATED
    INTEGER: bool = INTEGER
    IMPROVE: str = IMPROVE

    def convert(self, job: Job) -> bytes:
        """See `edgecnn.quantize._scheme.Job`.

        Raises:
            UsageError: the model has no such layer.
        """
        numbers = _spared.named(job.model.float32, self.layers)
        model, ranges = job.prepare(True)
        kept = _spared.outputs(model, numbers)
        return quantize_with_ranges(model, ranges, job.io, per_channel=True, keep_float=kept)


def configured(argument: str) -> Named:
    """The scheme for `int8_mixed:LAYER,LAYER`."""
    layers = tuple(part.strip() for part in argument.split(",") if part.strip())
    if not layers:
        raise UsageError("int8_mixed: expected names of layers after the colon, as int8_mixed:stem_conv,block0_bn.")
    return Named(layers)
