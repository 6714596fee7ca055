"""int8, but the few layers that lose most stay in float: on a CPU only, for they cost conversions and float time."""

from __future__ import annotations

from itertools import islice

import numpy as np

from edgecnn.quantize._scheme import Job, quantize_with_ranges
from edgecnn.runtime.tflite import parse

SUMMARY = "int8, the layers that lose most in float: CPU only"
IO = ("uint8", "int8", "float32")
CALIBRATED = True
INTEGER = False
IMPROVE = "fast"  # level of `edgecnn.quantize.improve`, unless another is asked for

_PICTURES = 8
_SHARE_PERCENT = 50.0  # of all noise that the float layers made, at least
_MOST_LAYERS = 6


def convert(job: Job) -> bytes:
    """See `edgecnn.quantize._scheme.Job`. Quantizes twice: once to find the layers."""
    model, ranges = job.prepare(True)
    graph = quantize_with_ranges(model, ranges, job.io, per_channel=True)
    return quantize_with_ranges(model, ranges, job.io, per_channel=True, keep_float=_worst(job, model, graph))


def _worst(job: Job, model: bytes, graph: bytes) -> list[str]:
    """Output names of the operators with weights that add most noise by themselves."""
    from edgecnn.doctor._layers import layer_noise
    from edgecnn.doctor._simulation import Simulation
    from edgecnn.quantize.improve._network import Network

    pictures = np.concatenate(list(islice(job.inputs(), _PICTURES)))
    simulation = Simulation(Network(model), parse(graph).graph, pictures)
    named: list[str] = []
    share = 0.0
    for layer in sorted(layer_noise(simulation), key=lambda layer: -layer.share_percent):
        if simulation.pairs[layer.number].layer is not None and share < _SHARE_PERCENT and len(named) < _MOST_LAYERS:
            named.append(simulation.pairs[layer.number].name)
            share += layer.share_percent
    return named
