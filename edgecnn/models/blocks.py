"""The building blocks that the families share, each written once. Tensors are (batch, height, width, channels).

Those of networks with layer normalization and attention are in `_transformer.py`.

Every layer is named, as `block3_expand_conv`: pruning, quantization and profiling find layers by these names, and
weights are copied by them. Only layers that quantization-aware training and TFLite's int8 kernels can take are used: no
Lambda layers, no op lambdas, no Rescaling (the contract normalizes), no nested models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgecnn.core.compat.tensorflow import keras

HEAD = "logits"
"""Name of the layer whose width is the class count; its output is the model's."""

GLOROT: Mapping[str, Any] = {"class_name": "GlorotUniform", "config": {}}
FAN_OUT: Mapping[str, Any] = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}


@dataclass(frozen=True)
class Style:
    """What all layers of a network have in common.

    Attributes:
        activation: after a convolution with batch norm; a name that `activate` knows.
        momentum: of the batch norms' moving statistics.
        squeeze: activation between the two layers of a squeeze-excite.
        gate: activation at the end of a squeeze-excite.
        initializer: of the convolution kernels, as a Keras configuration.
        epsilon: of the batch norms.
        symmetric: pad equally on all sides, as PyTorch and Caffe do, instead of TensorFlow's `same`.
        always_padded: with `symmetric`, a layer of zeros also where the stride is 1 and `same` adds the same zeros.
        bias: of the convolutions before batch norms; it adds nothing, but some published weights have one.
    """

    activation: str
    momentum: float = 0.99
    squeeze: str = "relu"
    gate: str = "sigmoid"
    initializer: Mapping[str, Any] = field(default_factory=lambda: GLOROT)
    epsilon: float = 1e-3
    symmetric: bool = False
    always_padded: bool = False
    bias: bool = False

    def changed(self, fields: Mapping[str, Any] | None) -> Style:
        """The style with some fields replaced: those that published weights were trained with."""
        return replace(self, **fields or {})

    def border(self, kernel: int, stride: int) -> int:
        """Zeros to put on every side before a convolution; 0 where its own padding does it."""
        return kernel // 2 if self.symmetric and (stride > 1 or self.always_padded) else 0


IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of ImageNet's training images, red, green, blue: how torchvision, timm and most papers normalize."""


@dataclass(frozen=True)
class Residual:
    """One inverted residual block (arXiv:1801.04381, figure 3d; with squeeze-excite: arXiv:1905.02244, figure 4).

    Attributes:
        filters: channels that come out.
        expanded: channels of the depthwise convolution; 0 for those that come in, without a 1x1 convolution before it.
        kernel: height and width of the depthwise convolution.
        stride: of the depthwise convolution.
        squeezed: channels in the middle of the squeeze-excite; 0 for none.
        drop: share of images of a batch for which training skips the block (stochastic depth).
    """

    filters: int
    expanded: int = 0
    kernel: int = 3
    stride: int = 1
    squeezed: int = 0
    drop: float = 0.0


def make_divisible(channels: float, divisor: int = 8, minimum: int | None = None) -> int:
    """Round a channel count to a multiple of `divisor`, never down by more than 10 % (MobileNet reference code)."""
    rounded = max(minimum or divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


_OWN_ACTIVATIONS = {
    "hard_swish": "HardSwish",
    "hard_sigmoid": "HardSigmoid",
    "quick_gelu": "QuickGELU",
    "squared_relu": "SquaredReLU",
    "star_relu": "StarReLU",
}


def activate(x: Any, kind: str, name: str) -> Any:
    """Append an activation: relu, relu6, one of `_layers.py` (hard_swish, ...), or one of Keras (swish, gelu, ...)."""
    if kind in ("relu", "relu6"):
        return keras.layers.ReLU(6.0 if kind == "relu6" else None, name=name)(x)
    if kind in _OWN_ACTIVATIONS:
        from edgecnn.models import layers

        return getattr(layers, _OWN_ACTIVATIONS[kind])(name=name)(x)
    return keras.layers.Activation(kind, name=name)(x)


def padded(x: Any, border: int, name: str) -> Any:
    """Append zeros on all four sides. `same` of TensorFlow puts more below and to the right where the stride is 2."""
    return keras.layers.ZeroPadding2D(border, name=f"{name}_pad")(x) if border else x


def conv(
    x: Any, filters: int, name: str, *, kernel: int = 1, stride: int = 1, padding: str = "same", **options: Any
) -> Any:
    """Append a convolution; `options` are those of Keras's Conv2D."""
    layer = keras.layers.Conv2D(filters, kernel, strides=stride, padding=padding, name=f"{name}_conv", **options)
    return layer(x)


def conv_relu(x: Any, filters: int, name: str, **options: Any) -> Any:
    """Append a convolution and ReLU, with no norm between them; `options` are those of `conv`."""
    return activate(conv(x, filters, name, **options), "relu", f"{name}_act")


def batch_norm(x: Any, name: str, style: Style) -> Any:
    """Append a batch normalization over channels."""
    return keras.layers.BatchNormalization(momentum=style.momentum, epsilon=style.epsilon, name=name)(x)


def conv_bn(
    x: Any, filters: int, name: str, style: Style, *, kernel: int = 1, stride: int = 1, act: bool = True
) -> Any:
    """Append convolution, batch norm and, unless `act` is False (a linear bottleneck), the style's activation."""
    border = style.border(kernel, stride)
    explicit = border or style.always_padded
    x = conv(
        padded(x, border, name),
        filters,
        name,
        kernel=kernel,
        stride=stride,
        padding="valid" if explicit else "same",
        use_bias=style.bias,
        kernel_initializer=dict(style.initializer),
    )
    x = batch_norm(x, f"{name}_bn", style)
    return activate(x, style.activation, f"{name}_act") if act else x


def depthwise_bn(x: Any, name: str, style: Style, *, kernel: int = 3, stride: int = 1, act: bool = True) -> Any:
    """Append depthwise convolution, batch norm and, unless `act` is False, the style's activation."""
    border = style.border(kernel, stride)
    x = keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="valid" if border else "same",
        use_bias=False,
        depthwise_initializer=dict(style.initializer),
        name=f"{name}_conv",
    )(padded(x, border, name))
    x = batch_norm(x, f"{name}_bn", style)
    return activate(x, style.activation, f"{name}_act") if act else x


def separable(x: Any, filters: int, name: str, style: Style, *, stride: int = 1) -> Any:
    """Append a depthwise-separable convolution: 3x3 depthwise, then 1x1 (MobileNet, arXiv:1704.04861, figure 3)."""
    x = depthwise_bn(x, f"{name}_depthwise", style, stride=stride)
    return conv_bn(x, filters, f"{name}_pointwise", style)


def squeeze_excite(x: Any, squeezed: int, name: str, style: Style) -> Any:
    """Append a squeeze-excite: channels weighted by a look at the whole image (arXiv:1709.01507, figure 3)."""
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    for part, filters, kind in (("reduce", squeezed, style.squeeze), ("expand", x.shape[-1], style.gate)):
        convolution = keras.layers.Conv2D(
            filters, 1, kernel_initializer=dict(style.initializer), name=f"{name}_{part}_conv"
        )
        gate = activate(convolution(gate), kind, f"{name}_{part}_act")
    return keras.layers.Multiply(name=f"{name}_scale")([x, gate])


def inverted_residual(x: Any, block: Residual, name: str, style: Style) -> Any:
    """Append an inverted residual block; it gets its shortcut where stride and channel count allow one."""
    shortcut = x
    if block.expanded:
        x = conv_bn(x, block.expanded, f"{name}_expand", style)
    x = depthwise_bn(x, f"{name}_depthwise", style, kernel=block.kernel, stride=block.stride)
    if block.squeezed:
        x = squeeze_excite(x, block.squeezed, f"{name}_se", style)
    x = conv_bn(x, block.filters, f"{name}_project", style, act=False)
    return _with_shortcut(shortcut, x, block, name)


def fused_residual(x: Any, block: Residual, name: str, style: Style) -> Any:
    """Append a fused inverted residual: a regular convolution for 1x1 and depthwise (arXiv:2104.00298, figure 2).

    Without expansion there is one convolution, with the activation, and no 1x1 after it.
    """
    shortcut = x
    if block.expanded:
        x = conv_bn(x, block.expanded, f"{name}_expand", style, kernel=block.kernel, stride=block.stride)
        x = conv_bn(x, block.filters, f"{name}_project", style, act=False)
    else:
        x = conv_bn(x, block.filters, f"{name}_project", style, kernel=block.kernel, stride=block.stride)
    return _with_shortcut(shortcut, x, block, name)


def _with_shortcut(shortcut: Any, x: Any, block: Residual, name: str) -> Any:
    if block.stride != 1 or shortcut.shape[-1] != block.filters:
        return x
    return add(shortcut, x, name, block.drop)


def add(shortcut: Any, x: Any, name: str, drop: float = 0.0) -> Any:
    """Append the sum of a block and its shortcut.

    Args:
        shortcut: what goes past the block.
        x: what comes out of it.
        name: of the block.
        drop: stochastic depth (arXiv:1603.09382): training leaves the block out for this share of the images.
    """
    if drop:
        shape = (None, *(1 for _ in x.shape[1:]))
        x = keras.layers.Dropout(drop, noise_shape=shape, name=f"{name}_drop")(x)
    return keras.layers.Add(name=f"{name}_add")([shortcut, x])


def numbered(repeats: Iterable[int]) -> Iterator[tuple[int, int, str]]:
    """Stage, place in the stage and name of every block; blocks are counted through all stages."""
    places = ((stage, place) for stage, count in enumerate(repeats) for place in range(count))
    return ((stage, place, f"block{index}") for index, (stage, place) in enumerate(places))


def picture(input_shape: tuple[int, int, int]) -> Any:
    """The input, (batch, height, width, channels), already normalized as the contract says."""
    return keras.Input(input_shape, name="image")


def classifier(x: Any, classes: int, dropout: float, initializer: Mapping[str, Any] = GLOROT) -> Any:
    """Append dropout (if any) and the dense layer that gives the logits, (batch, classes)."""
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.layers.Dense(classes, kernel_initializer=dict(initializer), name=HEAD)(x)


def network(picture: Any, x: Any, classes: int, dropout: float, initializer: Mapping[str, Any] = GLOROT) -> Any:
    """The whole model: from the input to the logits that `classifier` makes of the features `x`, (batch, channels)."""
    return keras.Model(picture, classifier(x, classes, dropout, initializer))


def pool(x: Any) -> Any:
    """Append the mean over height and width: (batch, channels)."""
    return keras.layers.GlobalAveragePooling2D(name="pool")(x)
