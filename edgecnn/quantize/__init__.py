"""From a Keras model to a `.tflite` artifact: trace and freeze, calibrate, convert, check, add the contract."""

from __future__ import annotations

from edgecnn.quantize._quantize import Calibration, quantize
from edgecnn.quantize._source import Hints

__all__ = ["Calibration", "Hints", "quantize"]
