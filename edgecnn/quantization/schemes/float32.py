"""No quantization: the float model as it is, for reference and for boards with float accelerators."""

from __future__ import annotations

from edgecnn.quantization.scheme import Job

SUMMARY = "float weights and activations"
IO = ("float32",)
CALIBRATED = False
INTEGER = False


def convert(job: Job) -> bytes:
    """See `edgecnn.quantization.scheme.Job`."""
    return job.model.float32
