"""Why an int8 model is worse than its float model: layer by layer, with the cause, the remedy and what it gains."""

from __future__ import annotations

from edgecnn.verification.doctor.case import Case, Finding
from edgecnn.verification.doctor.diagnosis import Diagnosis, diagnose
from edgecnn.verification.doctor.layers import LayerNoise, layer_noise

__all__ = ["Case", "Diagnosis", "Finding", "LayerNoise", "diagnose", "layer_noise"]
