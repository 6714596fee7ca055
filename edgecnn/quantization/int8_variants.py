"""Single remedies for int8 that have no level of `edgecnn.quantization.remedies`: configurations of the ladder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgecnn.core.errors import QuantizationError
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.quantization.levels import Pictures, improve
from edgecnn.quantization.observation import observe_channels
from edgecnn.quantization.remedies import curves, equalization
from edgecnn.quantization.scheme import Job, quantize_with_ranges

_PICTURES = 48


def with_ranges(job: Job) -> bytes:
    """Weights rounded to nearest; activations with the ranges of `curves.narrowed`.

    Raises:
        QuantizationError: no activation needs less than its extremes.
    """
    model, ranges = job.prepare(True)
    found = curves.narrowed(model, ranges, job.inputs())
    if not found:
        raise QuantizationError(
            "no activation range can be narrowed, because the consumers of all activations need the full ranges"
        )
    return quantize_with_ranges(model, {**ranges, **found}, job.io, per_channel=True)


def equalized(job: Job) -> bytes:
    """Exploding channels are scaled down in their producer; then as `--improve fast`.

    Only these: equalizing every activation costs Lite0 8 dB where each output channel has a scale of its own.

    Raises:
        QuantizationError: no channel does, or none that can be scaled.
    """
    inputs = list(job.inputs())
    pictures = Pictures(lambda: iter(inputs), len(inputs))
    network = FloatGraph(job.model.float32)
    channels = observe_channels(network, pictures.some(_PICTURES))
    changed = 0
    for tensor, found in channels.items():
        if np.count_nonzero(found.reach) >= 4 and found.ratio > equalization.EXPLODING:
            changed += len(equalization.equalize(network, channels, only=tensor))
            channels = observe_channels(network, pictures.some(_PICTURES))
    if not changed:
        raise QuantizationError(
            f"no channel that can be scaled down is {equalization.EXPLODING:.0f} times as large as the others"
        )
    improved = improve(network.to_bytes(), pictures, "fast")
    remedies = ["equalization", *improved.account["remedies"]]
    job.notes["improve"] = {**improved.account, "equalized": changed, "remedies": remedies}
    return quantize_with_ranges(improved.model, improved.ranges, job.io, per_channel=True)


VARIANTS: dict[str, Callable[[Job], bytes]] = {"ranges": with_ranges, "equalized": equalized}
