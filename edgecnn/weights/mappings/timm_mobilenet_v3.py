"""timm's MobileNetV3 (timm/models/mobilenetv3.py): the last of its blocks is the 1x1 convolution that we call top."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, conv_bn
from edgecnn.weights.mappings.timm_mobile import RESIDUAL, SEPARABLE

FAMILIES = ("mobilenet_v3",)
LIBRARIES = ("timm",)

NAMES = Names(
    ends={**conv_bn("stem", "conv_stem", "bn1"), "features": "conv_head", "logits": "classifier"},
    block=r"blocks\.\d+\.\d+",
    ours=r"block\d+|top",
    parts=({"conv": "conv", "bn": "bn1"}, SEPARABLE, RESIDUAL),
)
