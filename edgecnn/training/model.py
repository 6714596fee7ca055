"""What training does to a model's layers: what learns and what is frozen, features before the head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.models.heads import last_dense

_REMEMBERED = 20  # time constants in a whole training
_BLOCK = re.compile(r"(?:.*_)?block(\d+)_")


def head_and_backbone(model: Any) -> tuple[Any, Any]:
    """Two models that share the model's layers: images to features, features to logits.

    Features are what comes before the dropout (or the dense layer, if there is none) at the end.
    """
    dense = last_dense(model)
    tail = [dense]
    before = keras_graph.maker(dense.input)
    if isinstance(before, keras.layers.Dropout):
        tail.insert(0, before)
    features = tail[0].input
    inputs = x = keras.Input(features.shape[1:], name="features")
    for layer in tail:
        x = layer(x)
    return keras.Model(model.input, features, name=f"{model.name}_backbone"), keras.Model(inputs, x, name="head")


def block_count(model: Any) -> int:
    """How many blocks there are, by the layers' names (`block3_expand_conv`)."""
    return max((number for number in map(_block, model.layers) if number is not None), default=-1) + 1


def _block(layer: Any) -> int | None:
    found = _BLOCK.match(layer.name)
    return int(found.group(1)) if found else None


def unfreeze(
    model: Any, blocks: int | None = None, *, batch_norms: bool = False, own_layers: Sequence[Any] = ()
) -> None:
    """Let the last blocks, and all that follows them, learn; freeze the rest.

    Args:
        model: a model with layers named by blocks.
        blocks: how many of the last blocks; None for the whole model.
        batch_norms: whether batch norms learn too. If not, they use and keep their moving statistics: small batches of
            new images would spoil those.
        own_layers: of the task's head, which learn as a whole.

    Raises:
        UsageError: the model has fewer blocks.
    """
    check_blocks(model, blocks)
    first = 0 if blocks is None else block_count(model) - blocks
    learns = blocks is None
    for layer in model.layers:
        number = _block(layer)
        learns = learns or (number is not None and number >= first) or (number is None and _is_after(model, layer))
        layer.trainable = learns and (batch_norms or not isinstance(layer, keras.layers.BatchNormalization))
    for layer in own_layers:
        layer.trainable = True


def let_statistics_follow(model: Any, steps: int) -> None:
    """Make batch norms whose moving statistics would outlast a short training follow it.

    Published momenta are those of ImageNet, with a million steps: 0.999 remembers a thousand. In a training of some
    hundred steps the statistics would still be those of the start, and the model would guess.

    Args:
        model: its batch norms are changed in place.
        steps: of the whole training; at most a twentieth of it is remembered.
    """
    longest = max(0.0, 1 - _REMEMBERED / max(steps, 1))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, longest)


def blocks_from(model: Any, stride: int) -> int | None:
    """How many of the last blocks there are from the first with maps of this stride on; None where none has."""
    height, first = model.input_shape[1], block_count(model)
    for layer in model.layers:
        number = _block(layer)
        rows = layer.output_shape[1] if number is not None else 1
        if number is not None and rows > 1 and height >= stride * rows:  # a squeeze has 1 x 1
            first = min(first, number)
    return block_count(model) - first or None


def check_blocks(model: Any, blocks: int | None) -> None:
    """Refuse what `unfreeze` can't do.

    Raises:
        UsageError: the model has fewer blocks.
    """
    total = block_count(model)
    if blocks is not None and not 0 <= blocks <= total:
        raise UsageError(f"--unfreeze is {blocks}, but {model.name} has {total} blocks; expected 0 to {total}.")


def _is_after(model: Any, layer: Any) -> bool:
    """Whether a layer without a block's name follows all blocks."""
    positions = [position for position, other in enumerate(model.layers) if _block(other) is not None]
    return not positions or model.layers.index(layer) > positions[-1]
