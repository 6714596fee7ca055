"""torchvision's EfficientNetV2 (torchvision/models/efficientnet.py): fused blocks, and one stage less than V1."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, conv_bn
from edgecnn.weights.mappings.torchvision_efficientnet import RESIDUAL, layer

FAMILIES = ("efficientnet_v2",)
LIBRARIES = ("torchvision",)

CONV = layer("project", 0)
FUSED = {**layer("expand", 0), **layer("project", 1)}

NAMES = Names(
    ends={
        **conv_bn("stem", "features.0.0", "features.0.1"),
        **conv_bn("top", "features.7.0", "features.7.1"),
        "logits": "classifier.1",
    },
    block=r"features\.\d+\.\d+(?=\.block)",
    parts=(CONV, FUSED, RESIDUAL),
)
