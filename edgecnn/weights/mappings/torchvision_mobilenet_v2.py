"""torchvision's MobileNetV2 (torchvision/models/mobilenetv2.py): stem, blocks and top are all entries of `features`."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, conv_bn

FAMILIES = ("mobilenet_v2",)
LIBRARIES = ("torchvision",)

SEPARABLE = {**conv_bn("depthwise", "conv.0.0", "conv.0.1"), **conv_bn("project", "conv.1", "conv.2")}
RESIDUAL = {
    **conv_bn("expand", "conv.0.0", "conv.0.1"),
    **conv_bn("depthwise", "conv.1.0", "conv.1.1"),
    **conv_bn("project", "conv.2", "conv.3"),
}
NAMES = Names(
    ends={"logits": "classifier.1"},
    block=r"features\.\d+",
    ours=r"stem|block\d+|top",
    parts=({"conv": "0", "bn": "1"}, SEPARABLE, RESIDUAL),
)
