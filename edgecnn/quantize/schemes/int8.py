"""Full integer: int8 weights per output channel and int8 activations (Jacob et al. 2018; Krishnamoorthi 2018, 3.1)."""

from __future__ import annotations

from edgecnn.quantize._scheme import Job, quantize_with_ranges

SUMMARY = "int8 weights (per channel) and activations: for CPUs and the Edge TPU"
IO = ("uint8", "int8", "float32")
CALIBRATED = True
INTEGER = True
IMPROVE = "fast"  # level of `edgecnn.quantize.improve`, unless another is asked for


def convert(job: Job) -> bytes:
    """See `edgecnn.quantize._scheme.Job`. After quantization-aware training, with the ranges of the training."""
    if job.aware is not None:
        return job.aware.convert(job.io, job.inputs())
    return quantize_with_ranges(*job.prepare(True), job.io, per_channel=True)
