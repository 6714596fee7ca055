"""How a layer is spoken of, whether it came from Keras or from TFLite: its role, and how it mixes positions."""

from __future__ import annotations

# How an output position depends on the input positions.
POINT = "point"  # on the same position of every input: activations, sums, 1x1 convolutions without padding
WINDOW = "window"  # on a window around it: convolutions, pooling; padding is a window of 1 x 1 with an offset
WHOLE = "whole"  # all positions become one: global pooling, dense layers after flattening
ATTENTION = "attention"  # on all positions, and the positions stay
UNKNOWN = "unknown"  # edgecnn does not know this operator; what comes after it has no receptive field

CONVOLUTION, DEPTHWISE, SEPARABLE, DENSE, POOLING = "convolution", "depthwise", "separable", "dense", "pooling"
IN_PLACE, OTHER = "in place", "other"  # an in-place layer may write its result over its input
