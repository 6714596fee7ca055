"""The configurations, in order of cost: first what costs nothing on the device, last what is slowest there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgecnn.ladder import trained
from edgecnn.ladder.request import Request
from edgecnn.runtime.model.model_file import ModelFile


@dataclass(frozen=True)
class Configuration:
    """One way to an artifact.

    Attributes:
        name: for the record.
        what: it does, in a few words.
        scheme: of the quantization.
        improve: level of rounding and biases; None for schemes that have none.
        method: a compression method that trains the model first; empty to take it as it is.
        options: of that method.
        edge_tpu: whether an Edge TPU could run the result.
        integer: whether it computes without float.
        per_tensor: whether it goes with one weight scale per tensor.
        float_is_better: where float is allowed, another configuration has the same accuracy in less time.
        edge_tpu_only: elsewhere another configuration is better.
    """

    name: str
    what: str
    scheme: str = "int8"
    improve: str | None = None
    method: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    edge_tpu: bool = True
    integer: bool = True
    per_tensor: bool = False
    float_is_better: bool = False
    edge_tpu_only: bool = False


def reason_to_skip(configuration: Configuration, request: Request) -> str:
    """Why a configuration isn't tried; empty if it is."""
    bounds = request.bounds
    reasons = {
        "the Edge TPU can't run it": bounds.edge_tpu and not configuration.edge_tpu,
        "it has per-channel weights": bounds.per_tensor and not configuration.per_tensor,
        "it has float operators": bounds.integer and not configuration.integer,
        "int8_mixed is as accurate and faster; --integer adds this configuration": configuration.float_is_better
        and not bounds.integer,
        "hard_swish is closer to swish; --edge-tpu adds this configuration": configuration.edge_tpu_only
        and not bounds.edge_tpu,
        "needs --train-data": bool(configuration.method) and request.training is None,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def make(configuration: Configuration, request: Request, output: Path) -> ModelFile:
    """Write a configuration's artifact.

    Raises:
        QuantizationError: the model can't have it.
        UsageError: the model can't be trained that way.
    """
    model = request.model
    if configuration.method:
        model = trained.compressed(request, configuration.method, configuration.options)
    return request.quantize(output, configuration.scheme, configuration.improve, model)


CONFIGURATIONS = (
    Configuration("plain", "int8, rounded to nearest", improve="none", per_tensor=True),
    Configuration("ranges", "int8, ranges by output error", "int8:ranges"),
    Configuration("fast", "int8, rounding by output error", improve="fast", per_tensor=True),
    Configuration("equalized", "int8, exploding channels scaled down", "int8:equalized"),
    Configuration("best", "int8, rounded layer by layer", improve="best", per_tensor=True),
    Configuration(
        "int8_mixed", "int8, noisiest layers in float", "int8_mixed", "best",
        edge_tpu=False, integer=False,
    ),
    Configuration(
        "int8_int16", "int8, noisiest layers in int16", "int8_int16", "best",
        edge_tpu=False, float_is_better=True,
    ),
    Configuration(
        "hard_swish", "fine-tuned with hard-swish for swish", improve="best",
        method="swap", options={"to": "hard_swish"}, edge_tpu=False,
    ),
    Configuration(
        "relu6", "fine-tuned with ReLU6 for swish", improve="best",
        method="swap", options={"to": "relu6"}, edge_tpu_only=True,
    ),
    Configuration("qat", "quantization-aware training", method="qat"),
    Configuration("dynamic_int8", "int8 weights, float activations", "dynamic_int8", edge_tpu=False, integer=False),
    Configuration(
        "int8_mixed:95%", "int8, layers that make 95 % of the noise in float", "int8_mixed:95%", "best",
        edge_tpu=False, integer=False,
    ),
    Configuration("int16x8", "int16 activations in all layers", "int16x8", edge_tpu=False),
)  # fmt: skip
