"""Pseudo-labels: an image encoder and a text encoder by others name what images without labels show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports
from edgecnn.labeling.settings import LabelOptions

if TYPE_CHECKING:
    from edgecnn.labeling.pipeline import label
    from edgecnn.labeling.record import ClassLabels, Labeling

__all__ = ["ClassLabels", "LabelOptions", "Labeling", "label"]
__getattr__ = exports(__name__, pipeline="label", record="ClassLabels Labeling")
