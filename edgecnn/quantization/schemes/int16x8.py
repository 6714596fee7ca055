"""int8 weights and int16 activations: nearly float accuracy, slower than int8 on a CPU, not for an Edge TPU."""

from __future__ import annotations

from edgecnn.core.compat.tensorflow import tf
from edgecnn.float_model.traced import convert as run
from edgecnn.quantization import own_grid
from edgecnn.quantization.scheme import Job, representative

SUMMARY = "int8 weights, int16 activations: accurate, slower"
IO = ("float32", "int16")
CALIBRATED = True
INTEGER = True


def convert(job: Job) -> bytes:
    """TensorFlow's own calibrator: its quantizer for 16 bits takes no ranges from outside."""
    converter = job.model.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative(job.inputs())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, job.io)
    return own_grid.restored(job.model.float32, run(converter))
