"""timm's VGG (timm/models/vgg.py): torchvision's, with convolutions in the place of the first dense layers."""

from __future__ import annotations

from edgecnn.weights.mapping import Names

FAMILIES = ("vgg",)
LIBRARIES = ("timm",)

NAMES = Names(
    ends={"hidden1": "pre_logits.fc1", "hidden2": "pre_logits.fc2", "logits": "head.fc"},
    block=r"features\.\d+",
    ours=r"block\d+_\d+",
    parts=({"conv": ""},),
)
