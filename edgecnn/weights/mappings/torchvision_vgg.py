"""torchvision's VGG (torchvision/models/vgg.py): convolutions are numbered among the activations and pools."""

from __future__ import annotations

from edgecnn.weights.mapping import Names

FAMILIES = ("vgg",)
LIBRARIES = ("torchvision",)

NAMES = Names(
    ends={"hidden1": "classifier.0", "hidden2": "classifier.3", "logits": "classifier.6"},
    block=r"features\.\d+",
    ours=r"block\d+_\d+",
    parts=({"conv": ""},),
)
