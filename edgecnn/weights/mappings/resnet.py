"""ResNet v1.5 as torchvision (torchvision/models/resnet.py) and, after it, timm name it."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, conv_bn

FAMILIES = ("resnet",)
LIBRARIES = ("timm", "torchvision")

SHORTCUT = conv_bn("shortcut", "downsample.0", "downsample.1")
BASIC = {**conv_bn("first", "conv1", "bn1"), **conv_bn("second", "conv2", "bn2"), **SHORTCUT}
BOTTLENECK = {
    **conv_bn("reduce", "conv1", "bn1"),
    **conv_bn("middle", "conv2", "bn2"),
    **conv_bn("expand", "conv3", "bn3"),
    **SHORTCUT,
}
NAMES = Names(
    ends={**conv_bn("stem", "conv1", "bn1"), "logits": "fc"}, block=r"layer\d+\.\d+", parts=(BASIC, BOTTLENECK)
)
