"""Float weights in 16 bits: half the file, computed in float32 on a CPU."""

from __future__ import annotations

from edgecnn.core.compat.tensorflow import tf
from edgecnn.float_model.traced import convert as run
from edgecnn.quantization.scheme import Job

SUMMARY = "float16 weights, float activations: half the file size"
IO = ("float32",)
CALIBRATED = False
INTEGER = False


def convert(job: Job) -> bytes:
    """See `edgecnn.quantization.scheme.Job`."""
    converter = job.model.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return run(converter)
