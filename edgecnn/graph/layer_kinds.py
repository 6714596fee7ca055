"""What edgecnn knows of Keras's layer classes, and of its own: one table, by class name.

A class that is not in it costs something and breaks nothing: no receptive field is told behind it, its channels are not
pruned, and quantization-aware training refuses it by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgecnn.graph.roles import (
    ATTENTION,
    CONVOLUTION,
    DENSE,
    DEPTHWISE,
    IN_PLACE,
    OTHER,
    POINT,
    POOLING,
    SEPARABLE,
    UNKNOWN,
    WHOLE,
    WINDOW,
)

# What becomes of the channels of a layer's inputs.
KEPT = "kept"  # each stays where it is; weights, if any, have the channels on their last axis
JOINED = "joined"  # those of all inputs meet one by one
MIXED = "mixed"  # by a rule of the layer's own, or unknown

# Which grid a layer's int8 output has.
OWN_GRID = "own"
INPUT_GRID = "input"  # TFLite runs it with the same scale on both sides, or it isn't there after training
UNKNOWN_GRID = ""


@dataclass(frozen=True)
class LayerKind:
    """One layer class.

    Attributes:
        name: of the class.
        role: what it is to the reader.
        mixing: how positions depend on one another; a dense layer's follows from its input.
        channels: KEPT, JOINED or MIXED.
        grid: OWN_GRID, INPUT_GRID or UNKNOWN_GRID.
        kernel: name of the attribute that holds its kernel.
        activation: that it is, by Keras's name; a layer `Activation` says it in its settings.
        is_normalization: it computes means and variances at run time.
        is_training_only: it does nothing after training.
    """

    name: str
    role: str = OTHER
    mixing: str = UNKNOWN
    channels: str = MIXED
    grid: str = UNKNOWN_GRID
    kernel: str = ""
    activation: str = ""
    is_normalization: bool = False
    is_training_only: bool = False

    @property
    def is_activation(self) -> bool:
        """Whether it is an activation and nothing else."""
        return bool(self.activation) or self.name == "Activation"


def _activation(name: str, activation: str = "", grid: str = OWN_GRID, role: str = IN_PLACE) -> LayerKind:
    return LayerKind(name, role, POINT, KEPT, grid, activation=activation)


def _pooling(name: str, mixing: str, grid: str = UNKNOWN_GRID, channels: str = KEPT) -> LayerKind:
    return LayerKind(name, POOLING, mixing, channels, grid)


_TRAINING_ONLY = (
    *("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "ActivityRegularization"),
    *("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness"),
)
KINDS = (
    LayerKind("Conv2D", CONVOLUTION, WINDOW, grid=OWN_GRID, kernel="kernel"),
    LayerKind("DepthwiseConv2D", DEPTHWISE, WINDOW, grid=OWN_GRID, kernel="depthwise_kernel"),
    LayerKind("SeparableConv2D", SEPARABLE, WINDOW),
    LayerKind("Dense", DENSE, WHOLE, grid=OWN_GRID, kernel="kernel"),
    LayerKind("BatchNormalization", IN_PLACE, POINT, KEPT, OWN_GRID),
    # Activations.
    _activation("Activation"),
    _activation("ReLU", "relu"),
    _activation("LeakyReLU", "leaky_relu"),
    _activation("PReLU", "prelu", role=OTHER),
    _activation("ELU", "elu", UNKNOWN_GRID, OTHER),
    _activation("Softmax", "softmax", INPUT_GRID, OTHER),
    _activation("HardSwish", "hard_swish"),
    _activation("HardSigmoid", "hard_sigmoid"),
    LayerKind("StarReLU", activation="square"),
    LayerKind("SquaredReLU", activation="square"),
    # Pooling.
    _pooling("MaxPooling2D", WINDOW, INPUT_GRID),
    _pooling("AveragePooling2D", WINDOW, INPUT_GRID),
    _pooling("GlobalMaxPooling2D", WHOLE, INPUT_GRID),
    _pooling("GlobalAveragePooling2D", WHOLE, OWN_GRID),
    _pooling("GlobalMaxPooling1D", WHOLE, channels=MIXED),
    _pooling("GlobalAveragePooling1D", WHOLE, channels=MIXED),
    # Element by element, over several inputs.
    *(LayerKind(name, OTHER, POINT, JOINED, OWN_GRID) for name in ("Add", "Subtract", "Multiply")),
    *(LayerKind(name, OTHER, POINT, JOINED) for name in ("Average", "Maximum", "Minimum")),
    LayerKind("Concatenate", OTHER, POINT, grid=OWN_GRID),
    # Places and shapes.
    *(LayerKind(name, OTHER, WINDOW, KEPT, INPUT_GRID) for name in ("ZeroPadding2D", "Cropping2D")),
    LayerKind("UpSampling2D", OTHER, UNKNOWN, KEPT, OWN_GRID),
    *(LayerKind(name, IN_PLACE, POINT, grid=INPUT_GRID) for name in ("Reshape", "Flatten", "Permute")),
    LayerKind("Cropping1D", IN_PLACE, POINT),
    LayerKind("InputLayer", channels=KEPT),
    # Scales.
    *(LayerKind(name, IN_PLACE, POINT) for name in ("Rescaling", "Normalization", "LayerScale", "StochasticDepth")),
    # Training only.
    *(LayerKind(name, IN_PLACE, POINT, KEPT, INPUT_GRID, is_training_only=True) for name in _TRAINING_ONLY),
    # Normalization at run time, attention.
    LayerKind("LayerNormalization", OTHER, POINT, KEPT, is_normalization=True),
    LayerKind("LayerNorm", is_normalization=True),
    LayerKind("UnitNormalization", OTHER, POINT),
    LayerKind("GroupNormalization", OTHER, ATTENTION, is_normalization=True),  # each position sees all of its group
    *(LayerKind(name, OTHER, ATTENTION) for name in ("MultiHeadAttention", "Attention", "AdditiveAttention")),
)
_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_of(layer: Any) -> LayerKind:
    """The facts of a layer, by its class; a class of ours may declare its `mixing` itself, as an attribute."""
    return named(type(layer).__name__, getattr(layer, "mixing", None))


def named(name: str, mixing: str | None = None) -> LayerKind:
    """The facts of a class, by its name."""
    kind = _BY_NAME.get(name) or LayerKind(name)
    return replace(kind, mixing=mixing) if mixing in (POINT, WHOLE, ATTENTION) else kind
