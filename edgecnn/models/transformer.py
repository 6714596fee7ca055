"""Blocks of networks with layer normalization: perceptrons per position, self-attention, learned scales.

Positions are tokens, (batch, tokens, channels), or a map, (batch, height, width, channels).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks
from edgecnn.models.spec import Limit

TRUNCATED: Mapping[str, Any] = {"class_name": "TruncatedNormal", "config": {"stddev": 0.02}}

GELU_LIMIT = Limit(
    "edgetpu",
    ("block*_act",),
    "GELU is not among the Edge TPU's operators, so it and all operators after it run on the processor; "
    "a CPU runs it as one int8 operator",
)
CLASS_TOKEN_LIMIT = Limit(
    "edgetpu",
    ("class_token",),
    "the class token is a learned constant, which the Edge TPU's CONCATENATION does not accept, so it "
    "and all operators after it run on the processor",
)
TOKENS_LIMIT = Limit(
    "edgetpu",
    ("block*_dense",),
    "the Edge TPU's FULLY_CONNECTED accepts a single vector, but here there is one vector per token, so it and "
    "all operators after it run on the processor",
)
ATTENTION_LIMIT = Limit(
    "edgetpu",
    ("block*_attention",),
    "attention (BATCH_MATMUL, and a softmax over more than one vector) is not among the Edge TPU's operators, so "
    "it and all operators after it run on the processor",
)


def layer_norm(x: Any, name: str, *, epsilon: float = 1e-6, center: bool = True) -> Any:
    """Append a layer normalization over channels."""
    from edgecnn.models.layers import LayerNorm

    return LayerNorm(epsilon=epsilon, center=center, name=f"{name}_norm")(x)


def pointwise(x: Any, units: int, name: str, *, bias: bool = True) -> Any:
    """Append a dense layer for every position alone; on a map it is a 1x1 convolution, which has the faster kernels."""
    options: dict[str, Any] = {"use_bias": bias, "kernel_initializer": dict(TRUNCATED)}
    if len(x.shape) == 4:
        return blocks.conv(x, units, name, **options)
    return keras.layers.Dense(units, name=f"{name}_dense", **options)(x)


def feed_forward(x: Any, expansion: int, activation: str, name: str, *, drop: float, epsilon: float) -> Any:
    """Append a normalized perceptron and its shortcut: the second half of a transformer's block."""
    y = layer_norm(x, name, epsilon=epsilon)
    return blocks.add(x, perceptron(y, expansion * x.shape[-1], activation, name), name, drop)


def perceptron(x: Any, units: int, activation: str, name: str, *, bias: bool = True) -> Any:
    """Append two dense layers for every position alone, `units` wide in between."""
    channels = x.shape[-1]
    x = pointwise(x, units, f"{name}_expand", bias=bias)
    x = blocks.activate(x, activation, f"{name}_act")
    return pointwise(x, channels, f"{name}_project", bias=bias)


def depthwise(x: Any, name: str, *, kernel: int, bias: bool = True) -> Any:
    """Append a depthwise convolution without batch norm."""
    layer = keras.layers.DepthwiseConv2D(
        kernel, padding="same", use_bias=bias, depthwise_initializer=dict(TRUNCATED), name=f"{name}_conv"
    )
    return layer(x)


def layer_scale(x: Any, initial: float, name: str) -> Any:
    """Append a learned factor per channel."""
    from edgecnn.models.layers import LayerScale

    return LayerScale(initial, name=f"{name}_scale")(x)


def attend(queries: Any, keys: Any, values: Any, name: str, *, heads: int, scale: float | None = None) -> Any:
    """Append multi-head attention between its four projections (arXiv:1706.03762, section 3.2.2)."""
    from edgecnn.models.layers import Attention

    channels = queries.shape[-1]
    parts = [
        pointwise(x, channels, f"{name}_{part}") for x, part in ((queries, "query"), (keys, "key"), (values, "value"))
    ]
    mixed = Attention(heads, scale, name=f"{name}_attention")(parts)
    return pointwise(mixed, channels, f"{name}_out")


def class_token(x: Any) -> Any:
    """Put the learned token before the others, whose last state is the features of the image."""
    from edgecnn.models.layers import ClassToken

    return ClassToken(name="class_token")(x)


def split_class_token(x: Any, name: str) -> tuple[Any, Any]:
    """The class token, (batch, 1, channels), and the other tokens."""
    first = keras.layers.Cropping1D((0, x.shape[1] - 1), name=f"{name}_first")(x)
    return first, keras.layers.Cropping1D((1, 0), name=f"{name}_others")(x)


def features_of_class_token(x: Any, epsilon: float) -> Any:
    """The last layer normalization and the class token alone, (batch, channels)."""
    first = keras.layers.Cropping1D((0, x.shape[1] - 1), name="features_first")(x)
    # Normalizing after the cut is the same, position by position, and costs one position.
    return keras.layers.Reshape((x.shape[-1],), name="features")(layer_norm(first, "features", epsilon=epsilon))


def drop_rates(last: float, count: int) -> list[float]:
    """Stochastic depth of every block: linearly from 0 to `last`."""
    return [last * index / max(count - 1, 1) for index in range(count)]
