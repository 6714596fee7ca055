"""From a Keras model to a `.tflite` artifact: trace and freeze, calibrate, convert, check, add the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.hints import Hints
from edgecnn.core.lazy import exports
from edgecnn.quantization.settings import Calibration

if TYPE_CHECKING:
    from edgecnn.quantization.pipeline import quantize

__all__ = ["Calibration", "Hints", "quantize"]
__getattr__ = exports(__name__, pipeline="quantize")
