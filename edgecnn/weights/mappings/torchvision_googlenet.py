"""torchvision's GoogLeNet (torchvision/models/googlenet.py): batch norms; auxiliary heads stay behind."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, conv_bn

FAMILIES = ("googlenet",)
LIBRARIES = ("torchvision",)

NAMES = Names(
    ends={
        **conv_bn("stem", "conv1.conv", "conv1.bn"),
        **conv_bn("stem_reduce", "conv2.conv", "conv2.bn"),
        **conv_bn("stem_expand", "conv3.conv", "conv3.bn"),
        "logits": "fc",
    },
    block=r"inception\d\w",
    parts=(
        {
            **conv_bn("narrow", "branch1.conv", "branch1.bn"),
            **conv_bn("reduce_middle", "branch2.0.conv", "branch2.0.bn"),
            **conv_bn("middle", "branch2.1.conv", "branch2.1.bn"),
            **conv_bn("reduce_wide", "branch3.0.conv", "branch3.0.bn"),
            **conv_bn("wide", "branch3.1.conv", "branch3.1.bn"),
            **conv_bn("pooled", "branch4.1.conv", "branch4.1.bn"),
        },
    ),
    ignored=r"aux\d\.",
)
