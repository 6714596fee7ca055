"""torchvision's EfficientNet-B0 to B7 (torchvision/models/efficientnet.py): `features` has stages and top."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, Parts, conv_bn

FAMILIES = ("efficientnet",)
LIBRARIES = ("torchvision",)


def layer(ours: str, number: int) -> Parts:
    """A convolution and its batch norm, the two first entries of an entry of `block`."""
    return conv_bn(ours, f"block.{number}.0", f"block.{number}.1")


def squeeze(number: int) -> Parts:
    """The two convolutions of a squeeze-excite."""
    return {"se_reduce_conv": f"block.{number}.fc1", "se_expand_conv": f"block.{number}.fc2"}


SEPARABLE = {**layer("depthwise", 0), **squeeze(1), **layer("project", 2)}
RESIDUAL = {**layer("expand", 0), **layer("depthwise", 1), **squeeze(2), **layer("project", 3)}

NAMES = Names(
    ends={
        **conv_bn("stem", "features.0.0", "features.0.1"),
        **conv_bn("top", "features.8.0", "features.8.1"),
        "logits": "classifier.1",
    },
    block=r"features\.\d+\.\d+(?=\.block)",
    parts=(SEPARABLE, RESIDUAL),
)
