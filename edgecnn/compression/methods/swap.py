"""Replaces swish by hard-swish, whose curve is nearly the same, or by ReLU6.

Swish's sigmoid is a table look-up and a multiplication in int8, with a grid of its own for each, and a range that ends
in a long tail; hard-swish is one operator (arXiv:1905.02244, section 5.2), ReLU6 is part of the convolution. The model
is trained on with it, imitating what it was before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.compression.job import Job, Outcome
from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.core.options import Settings, option
from edgecnn.training.settings import FitSettings

DEFAULTS = FitSettings(
    epochs=3,
    learning_rate=1e-4,
    backbone_learning_rate=1e-4,
    label_smoothing=0.0,
    weight_decay=0.0,
    augment="flip",
    distillation_weight=1.0,  # to be what it was, not to fit the few images of a fine-tuning
)


@dataclass(frozen=True)
class Options(Settings):
    """What swish becomes."""

    to: str = option("Activation that replaces swish.", "hard_swish", choices=("hard_swish", "relu6"))


def swish_layers(model: Any) -> list[str]:
    """Names of the layers that are nothing but swish."""
    from edgecnn.models.layers import is_swish  # defines a Keras layer

    return [layer.name for layer in model.layers if is_swish(layer)]


def compress(job: Job, options: Options) -> Outcome:
    """Swap, settle the batch norms, train the rest.

    Raises:
        UsageError: the model has no swish.
    """
    from edgecnn.compression import batch_norms  # needs NumPy, which help does without

    names = swish_layers(job.model)
    if not names:
        raise UsageError(f"{job.model.name} has no swish layer to replace. Choose another method.")
    job.progress(f"Replacing swish by {options.to}", 0, 0)
    model = swapped(job.model, options.to)
    batch_norms.settle(model, job.batches)
    # From here on they keep their statistics: the few images of a fine-tuning would only unsettle them.
    for layer in model.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    job.train(model)
    model.trainable = True
    return Outcome(model, {"method": "swap", "to": options.to, "layers": names})


def swapped(model: Any, to: str) -> Any:
    """The same model, weights included, with another activation."""
    from edgecnn.models.layers import HardSwish, is_swish  # defines a Keras layer

    def replaced(layer: Any) -> Any:
        if not is_swish(layer):
            return type(layer).from_config(layer.get_config())
        if to == "relu6":
            return keras.layers.ReLU(6.0, name=layer.name)
        return HardSwish(name=layer.name)

    result = keras.models.clone_model(model, clone_function=replaced)
    keras_graph.rename(result, model.name)
    result.set_weights(model.get_weights())
    return result
