"""timm's EfficientNets and MobileNets (timm/models/efficientnet.py, mobilenetv3.py): one block builder, one table."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, conv_bn

FAMILIES = ("efficientnet", "efficientnet_lite", "efficientnet_v2", "mobilenet_v1", "mobilenet_v2")
LIBRARIES = ("timm",)

SQUEEZE = {"se_reduce_conv": "se.conv_reduce", "se_expand_conv": "se.conv_expand"}
CONV = conv_bn("project", "conv", "bn1")
FUSED = {**conv_bn("expand", "conv_exp", "bn1"), **conv_bn("project", "conv_pwl", "bn2")}
SEPARABLE = {**conv_bn("depthwise", "conv_dw", "bn1"), **SQUEEZE, **conv_bn("project", "conv_pw", "bn2")}
MOBILENET_V1 = {**conv_bn("depthwise", "conv_dw", "bn1"), **conv_bn("pointwise", "conv_pw", "bn2")}
RESIDUAL = {
    **conv_bn("expand", "conv_pw", "bn1"),
    **conv_bn("depthwise", "conv_dw", "bn2"),
    **SQUEEZE,
    **conv_bn("project", "conv_pwl", "bn3"),
}

NAMES = Names(
    ends={**conv_bn("stem", "conv_stem", "bn1"), **conv_bn("top", "conv_head", "bn2"), "logits": "classifier"},
    block=r"blocks\.\d+\.\d+",
    parts=(CONV, FUSED, SEPARABLE, MOBILENET_V1, RESIDUAL),
)
