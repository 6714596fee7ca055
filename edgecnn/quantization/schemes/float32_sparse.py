"""Float weights of which only those that are not zero are stored, for models from `prune --method magnitude`."""

from __future__ import annotations

from edgecnn.core.compat.tensorflow import tf
from edgecnn.float_model.traced import convert as run
from edgecnn.quantization.scheme import Job

SUMMARY = "float32 without the zeros: pruned models on ARM"
IO = ("float32",)
CALIBRATED = False
INTEGER = False


def convert(job: Job) -> bytes:
    """See `edgecnn.quantization.scheme.Job`."""
    converter = job.model.converter()
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    return run(converter)
