"""int8 weights per channel; activations are quantized while the model runs. Needs no calibration."""

from __future__ import annotations

from edgecnn.core.compat.tensorflow import tf
from edgecnn.float_model.traced import convert as run
from edgecnn.quantization.scheme import Job

SUMMARY = "int8 weights, float activations: no calibration"
IO = ("float32",)
CALIBRATED = False
INTEGER = False


def convert(job: Job) -> bytes:
    """See `edgecnn.quantization.scheme.Job`."""
    converter = job.model.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return run(converter)
