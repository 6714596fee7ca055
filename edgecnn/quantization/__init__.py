"""From a Keras model to a `.tflite` artifact: trace and freeze, calibrate, convert, check, add the contract."""

from __future__ import annotations

from edgecnn.float_model.loading import Hints
from edgecnn.quantization.pipeline import Calibration, quantize

__all__ = ["Calibration", "Hints", "quantize"]
