"""The kernels that methods change, and a copy of a model to change them in."""

from __future__ import annotations

from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.graph.layer_kinds import kind_of
from edgecnn.graph.roles import CONVOLUTION, DENSE
from edgecnn.models.blocks import HEAD


def clone(model: Any) -> Any:
    """A copy with weights of its own."""
    copy = keras.models.clone_model(model)
    keras_graph.rename(copy, model.name)
    copy.set_weights(model.get_weights())
    return copy


def ordinary(model: Any) -> list[str]:
    """Convolutions but the first, and dense layers but the logits': these two are small and matter most."""
    kernels = [layer.name for layer in model.layers if kind_of(layer).role in (CONVOLUTION, DENSE)]
    if len(kernels) < 3:
        raise UsageError(
            f"{model.name} has {len(kernels)} convolutions and dense layers, so nothing can be pruned; expected "
            "at least two. Build a larger model."
        )
    return [name for name in kernels[1:-1] if name != HEAD]
