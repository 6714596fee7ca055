"""int8 weights per channel; activations are quantized while the model runs. Needs no calibration."""

from __future__ import annotations

from edgecnn._tensorflow import tf
from edgecnn.quantize._float_model import convert as run
from edgecnn.quantize._scheme import Job

SUMMARY = "int8 weights, activations quantized at run time: no calibration"
IO = ("float32",)
CALIBRATED = False
INTEGER = False


def convert(job: Job) -> bytes:
    """See `edgecnn.quantize._scheme.Job`."""
    converter = job.model.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return run(converter)
