"""Full integer with one weight scale per tensor: for accelerators that have no more; it costs accuracy."""

from __future__ import annotations

from edgecnn.quantization.scheme import Job, quantize_with_ranges

SUMMARY = "int8, one weight scale per tensor: simple accelerators"
IO = ("uint8", "int8", "float32")
CALIBRATED = True
INTEGER = True
IMPROVE = "fast"  # level of `edgecnn.quantization.remedies`, unless another is asked for


def convert(job: Job) -> bytes:
    """See `edgecnn.quantization.scheme.Job`."""
    return quantize_with_ranges(*job.prepare(False), job.io, per_channel=False)
