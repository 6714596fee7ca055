"""torchvision's MobileNetV3 (torchvision/models/mobilenetv3.py): stem, blocks and top are all entries of `features`."""

from __future__ import annotations

from edgecnn.weights.mapping import Names
from edgecnn.weights.mappings.torchvision_efficientnet import RESIDUAL, SEPARABLE, layer

FAMILIES = ("mobilenet_v3",)
LIBRARIES = ("torchvision",)

WITHOUT_SQUEEZE = {**layer("expand", 0), **layer("depthwise", 1), **layer("project", 2)}

NAMES = Names(
    ends={"features": "classifier.0", "logits": "classifier.3"},
    block=r"features\.\d+",
    ours=r"stem|block\d+|top",
    parts=(
        {"conv": "0", "bn": "1"},
        {**layer("depthwise", 0), **layer("project", 1)},
        SEPARABLE,
        WITHOUT_SQUEEZE,
        RESIDUAL,
    ),
)
