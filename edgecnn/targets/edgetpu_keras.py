"""What a Keras model will lose on an Edge TPU, by its layers' classes and settings, before anybody trains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.core.compat.keras_graph import leaves
from edgecnn.core.text import counted
from edgecnn.graph.layer_kinds import kind_of
from edgecnn.graph.roles import ATTENTION, CONVOLUTION

# Activations of Keras layers -> what is wrong with them.
_HARD_SWISH = "hard-swish becomes HARD_SWISH, which is not among the Edge TPU's operators"
_KERAS_ACTIVATIONS = {
    "hard_swish": _HARD_SWISH,
    "hard_silu": _HARD_SWISH,
    "gelu": "GELU is not among the Edge TPU's operators",
    "elu": "ELU is not among the Edge TPU's operators",
    "selu": "SELU is not among the Edge TPU's operators",
    "leaky_relu": "leaky ReLU (LEAKY_RELU) is not among the Edge TPU's operators",
    "square": "a squared ReLU is not among the Edge TPU's operators",
    "mish": "Mish is not among the Edge TPU's operators",
}
_NO_LAYER = ("GRU", "SimpleRNN", "Bidirectional", "Conv3D", "Lambda")  # an LSTM maps


def warnings(keras_model: Any, on_chip_bytes: int) -> list[str]:
    """See `edgecnn.targets.warn_before_training`."""
    found: dict[str, list[str]] = {}
    for layer in leaves(keras_model):
        problem = _layer_problem(layer)
        if problem:
            found.setdefault(problem, []).append(str(layer.name))
    lines = []
    for problem, names in found.items():
        more = f" and {counted(len(names) - 1, 'more layer')}" if len(names) > 1 else ""
        lines.append(
            (
                f"Edge TPU: {problem} ({names[0]}{more}). The layer {names[0]} and everything after it would run on "
                "the processor. "
            )
            + _keras_remedy(problem)
        )
    parameters = int(keras_model.count_params())
    if parameters > on_chip_bytes:
        lines.append(
            f"Edge TPU: about {parameters / (1 << 20):.1f} MiB of int8 parameters (estimate) exceed the chip's "
            f"memory ({on_chip_bytes / (1 << 20):.1f} MiB at most); the rest is read over the bus at every "
            "inference."
        )
    return lines


def _layer_problem(layer: Any) -> str:
    kind, config = kind_of(layer), layer.get_config()
    activation = config.get("activation") or kind.activation
    if isinstance(activation, str) and activation in _KERAS_ACTIVATIONS:
        return _KERAS_ACTIVATIONS[activation]
    if kind.name in _NO_LAYER or kind.is_normalization or kind.mixing == ATTENTION:
        return f"{kind.name} has no counterpart on the Edge TPU"
    dilation = config.get("dilation_rate", 1)
    if isinstance(dilation, (tuple, list)) and _differs(dilation, config.get("kernel_size")):
        return f"a dilation of {' x '.join(map(str, dilation))} differs in height and width"
    if kind.role == CONVOLUTION and config.get("groups", 1) > 1:
        return "a grouped convolution needs CONV_2D version 6, which the compiler does not support"
    return ""


def _differs(dilation: Sequence[int], kernel: Any) -> bool:
    """Where the kernel is 1 wide its dilation changes nothing."""
    sizes = kernel if isinstance(kernel, (tuple, list)) else [2] * len(dilation)
    return len({rate for rate, size in zip(dilation, sizes) if size > 1}) > 1


def _keras_remedy(problem: str) -> str:
    if problem == _HARD_SWISH:
        return "Build a `_minimalistic` variant, MobileNetV2 or EfficientNet-Lite instead."
    return "Choose layers from Coral's list (ReLU, ReLU6, PReLU, swish; convolutions, pooling, dense)."
