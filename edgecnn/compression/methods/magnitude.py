"""Unstructured pruning: the smallest weights become zero while the model trains on (arXiv:1710.01878).

Zeros alone make a download smaller, not a model faster; for XNNPACK's sparse float kernels on ARM they do both, if the
whole network has the layout that those need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.compression import xnnpack
from edgecnn.compression.job import PATIENT, Job, Outcome
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.graph.layer_kinds import kind_of
from edgecnn.graph.roles import CONVOLUTION, DENSE
from edgecnn.models.blocks import HEAD

DEFAULTS = PATIENT.replace(epochs=24)
SCOPES = ("global", "layer")
TARGETS = ("", "xnnpack")


@dataclass(frozen=True)
class Options:
    """What becomes zero.

    Attributes:
        sparsity: share of zeros, 0..1.
        scope: "global" (layers compete; for XNNPACK each has at least half zeros) or "layer" (the same share in every
            layer).
        target: "xnnpack" builds the layout of its sparse kernels and prunes the 1x1 convolutions in it; "" prunes all
            convolutions but the first, and dense layers but the last.
    """

    sparsity: float = 0.85
    scope: str = "global"
    target: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.sparsity < 1:
            raise UsageError(f"sparsity is {self.sparsity}; expected a share between 0 and 1.")
        for name, value, choices in (("scope", self.scope, SCOPES), ("for", self.target, TARGETS)):
            if value not in choices:
                raise UsageError(f"{name} is {value!r}; expected one of: {', '.join(filter(None, choices))}.")
        if self.target == "xnnpack" and self.sparsity <= xnnpack.LEAST_ZEROS:
            raise UsageError(
                f"sparsity is {self.sparsity}; XNNPACK takes its sparse kernels from 2/3 zeros on. 0.85 is usual."
            )


def compress(job: Job, options: Options) -> Outcome:
    """Train while the share of zeros rises.

    Raises:
        UsageError: the model can't have the layout that was asked for.
    """
    from edgecnn.compression.zeros import RANKINGS, Zeroing, share_of_zeros  # defines a Keras callback

    if options.target == "xnnpack":
        model = xnnpack.symmetric(job.model)
        names = xnnpack.chain(model)
    else:
        model = clone(job.model)
        names = ordinary(model)
    kernels = {name: model.get_layer(name).kernel for name in names}
    least = xnnpack.LEAST_ZEROS_OF_LAYER if options.target == "xnnpack" else 0.0
    zeroing = Zeroing(kernels, RANKINGS[options.scope](kernels, options.sparsity, least), job.steps)
    model = job.train(model, (zeroing,))
    zeroing.finish()
    account = {
        "method": "magnitude",
        "target": options.target,
        "sparsity": round(share_of_zeros(kernels), 4),
        "scope": options.scope,
        "layers": names,
    }
    return Outcome(model, account)


def clone(model: Any) -> Any:
    """A copy with weights of its own."""
    copy = keras.models.clone_model(model)
    copy._name = model.name
    copy.set_weights(model.get_weights())
    return copy


def ordinary(model: Any) -> list[str]:
    """Convolutions but the first, and dense layers but the logits': these two are small and matter most."""
    kernels = [layer.name for layer in model.layers if kind_of(layer).role in (CONVOLUTION, DENSE)]
    if len(kernels) < 3:
        raise UsageError(f"{model.name} has {len(kernels)} convolutions and dense layers; there is nothing to prune.")
    return [name for name in kernels[1:-1] if name != HEAD]
