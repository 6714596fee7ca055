"""How much each channel and each weight matters.

The criteria of `prune --method channels` give group -> float (channels,), higher is more important. Taylor's is in
units of the loss and compares across groups; those that look at weights alone are relative: shares of their group.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from edgecnn.compression.coupling import Axis, Coupling
from edgecnn.core.compat.tensorflow import keras, tf

Batches = Iterable[tuple[Any, Any]]
"""(float32 (batch, height, width, channels), (batch, ...)): normalized images, and class indices or other targets."""
Loss = Callable[[Any, Any], Any]
"""From a model's outputs and the targets of a batch to the loss of each image; None for cross-entropy of classes."""
Importance = dict[int, np.ndarray]


def l1(model: Any, coupling: Coupling, batches: Batches, loss: Loss | None = None) -> Importance:
    """Mean absolute value of the kernels that make a channel (arXiv:1608.08710, section 3.1); needs no data."""

    def kernels(layer: Any, position: int) -> bool:
        return len(layer.weights[position].shape) > 1

    return _shares(model, coupling, kernels)


def bn(model: Any, coupling: Coupling, batches: Batches, loss: Loss | None = None) -> Importance:
    """Size of the batch norms' scales (arXiv:1708.06519, section 3); groups without a batch norm by `l1`."""

    def scales(layer: Any, position: int) -> bool:
        return isinstance(layer, keras.layers.BatchNormalization) and layer.scale and position == 0

    found = _shares(model, coupling, scales)
    return {group: found[group] if found[group].any() else value for group, value in l1(model, coupling, ()).items()}


def _shares(model: Any, coupling: Coupling, counts: Callable[[Any, int], bool]) -> Importance:
    """Absolute weights by channel, each array scaled to the mean 1, as shares of their group.

    A group's sum is 1: these criteria rank the channels of a group, but say nothing of one group against another.
    """
    total = {group: np.zeros(size) for group, size in coupling.prunable().items()}
    for name, slices in coupling.layers.items():
        layer = model.get_layer(name)
        for (position, axis), along in slices.carried.items():
            if counts(layer, position):
                size = _along(np.abs(layer.get_weights()[position]), axis)
                _add(total, coupling, along, size / max(float(size.mean()), 1e-12))
    return {group: value / max(float(value.sum()), 1e-12) for group, value in total.items()}


def taylor(model: Any, coupling: Coupling, batches: Batches, loss: Loss | None = None) -> Importance:
    """The loss's first-order change without a channel, squared (arXiv:1906.10771, equation 8).

    A channel is gone when all layers that read it have zeros for it: its contribution is the sum of weight times
    gradient over these. The coupled layers that make it add nothing: their change is the same one.
    """
    total = {group: np.zeros(size) for group, size in coupling.prunable().items()}
    places = [
        (model.get_layer(name).weights[position], axis, along)
        for name, slices in coupling.layers.items()
        for (position, axis), along in slices.consumed.items()
    ]
    weights = [weight for weight, _, _ in places]
    gradients = _gradients(model, weights, loss)
    for pictures, targets in batches:
        change = {group: np.zeros_like(value) for group, value in total.items()}
        for (weight, axis, along), gradient in zip(places, gradients(pictures, targets)):
            _add(change, coupling, along, _along((weight * gradient).numpy(), axis))
        for group, value in change.items():
            total[group] += value**2
    return total


def curvature(
    model: Any, kernels: Mapping[str, Any], batches: Batches, loss: Loss | None = None
) -> dict[str, np.ndarray]:
    """How fast the loss rises when a weight moves away, by the diagonal of the Fisher information.

    That is the mean squared gradient of trained weights (Fisher pruning, arXiv:1801.05787); here of batches, which is
    the same up to a factor.

    Args:
        model: to logits or probabilities.
        kernels: name -> variable of the model.
        batches: see `Batches`.
        loss: see `Loss`.

    Returns:
        Name -> float, shaped as the kernel.
    """
    total = {name: np.zeros(kernel.shape) for name, kernel in kernels.items()}
    gradients = _gradients(model, list(kernels.values()), loss)
    for pictures, targets in batches:
        for squares, gradient in zip(total.values(), gradients(pictures, targets)):
            squares += gradient.numpy().astype(np.float64) ** 2
    return total


def _gradients(model: Any, weights: list[Any], loss: Loss | None) -> Callable[[Any, Any], list[Any]]:
    """The loss's gradients by weights that are watched whether trainable or not; batch norms use their statistics."""
    losses = loss or functools.partial(_cross_entropy, from_logits=_gives_logits(model))

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def gradients(pictures: Any, targets: Any) -> list[Any]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            mean = tf.reduce_mean(losses(model(pictures, training=False), targets))
        found: list[Any] = tape.gradient(mean, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return found

    run: Callable[[Any, Any], list[Any]] = gradients
    return run


def _gives_logits(model: Any) -> bool:
    activation = getattr(model.layers[-1], "activation", None)
    return activation is None or keras.activations.serialize(activation) != "softmax"


def _cross_entropy(outputs: Any, classes: Any, from_logits: bool) -> Any:
    return keras.losses.sparse_categorical_crossentropy(classes, outputs, from_logits=from_logits)


def _along(values: np.ndarray, axis: int) -> np.ndarray:
    """Sum over all axes but one."""
    total: np.ndarray = values.sum(axis=tuple(other for other in range(values.ndim) if other != axis))
    return total


def _add(total: Importance, coupling: Coupling, along: Axis, values: np.ndarray) -> None:
    for group, part in coupling.spread(along, values):
        if group in total:
            total[group] += part


CRITERIA: dict[str, Callable[[Any, Coupling, Batches, Loss | None], Importance]] = {
    "l1": l1,
    "bn": bn,
    "taylor": taylor,
}
RELATIVE = ("l1", "bn")
