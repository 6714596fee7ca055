"""torchvision's AlexNet (torchvision/models/alexnet.py): one tower."""

from __future__ import annotations

from edgecnn.weights.mapping import Names

FAMILIES = ("alexnet",)
LIBRARIES = ("torchvision",)

NAMES = Names(
    ends={"hidden1": "classifier.1", "hidden2": "classifier.4", "logits": "classifier.6"},
    block=r"features\.\d+",
    parts=({"conv": ""},),
)
