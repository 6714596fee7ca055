"""Why an int8 model is worse than its float model: layer by layer, with the cause, the remedy and what it gains."""

from __future__ import annotations

from edgecnn.doctor._case import Case, Finding
from edgecnn.doctor._diagnose import Diagnosis, diagnose
from edgecnn.doctor._layers import LayerNoise, layer_noise

__all__ = ["Case", "Diagnosis", "Finding", "LayerNoise", "diagnose", "layer_noise"]
