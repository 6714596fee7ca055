"""timm's MobileNetV4 (timm/models/mobilenetv3.py): the last of its blocks is the 1x1 convolution that we call top."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, conv_bn
from edgecnn.weights.mappings.timm_mobile import FUSED

FAMILIES = ("mobilenet_v4",)
LIBRARIES = ("timm",)

UNIVERSAL = {
    **conv_bn("start", "dw_start.conv", "dw_start.bn"),
    **conv_bn("expand", "pw_exp.conv", "pw_exp.bn"),
    **conv_bn("middle", "dw_mid.conv", "dw_mid.bn"),
    **conv_bn("project", "pw_proj.conv", "pw_proj.bn"),
}
NAMES = Names(
    ends={
        **conv_bn("stem", "conv_stem", "bn1"),
        **conv_bn("features", "conv_head", "norm_head"),
        "logits": "classifier",
    },
    block=r"blocks\.\d+\.\d+",
    ours=r"block\d+|top",
    parts=({"conv": "conv", "bn": "bn1"}, FUSED, UNIVERSAL),
)
