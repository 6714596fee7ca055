"""timm's ResNet v2 with batch norms (timm/models/resnetv2.py): a norm belongs to the convolution after it."""

from __future__ import annotations

from edgecnn.weights.mapping import Names

FAMILIES = ("resnet",)
LIBRARIES = ("timm",)

ENDS = {"before_bn": "norm1", "shortcut_conv": "downsample.conv"}
BASIC = {**ENDS, "middle_conv": "conv1", "middle_bn": "norm2", "expand_conv": "conv2"}
BOTTLENECK = {
    **ENDS,
    "reduce_conv": "conv1",
    "reduce_bn": "norm2",
    "middle_conv": "conv2",
    "middle_bn": "norm3",
    "expand_conv": "conv3",
}
NAMES = Names(
    ends={"stem_conv": "stem.conv", "top_bn": "norm", "logits": "head.fc"},
    block=r"stages\.\d+\.blocks\.\d+",
    parts=(BASIC, BOTTLENECK),
)
