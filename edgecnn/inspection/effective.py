"""The receptive field that a network really uses, measured by gradients.

Luo, Li, Urtasun, Zemel: Understanding the Effective Receptive Field in Deep Convolutional Neural Networks, NIPS 2016:
the gradient of a feature map's central unit with respect to the image falls off like a Gaussian, so that far fewer
pixels matter than the theoretical receptive field has. The effective field is what exceeds 4.55 % of the largest
gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import UsageError
from edgecnn.inspection.analysis import LayerReport, Report
from edgecnn.runtime.model.validation import Record

THRESHOLD = 1 - 0.9545  # two standard deviations of a Gaussian


@dataclass(frozen=True)
class EffectiveRecord(Record):
    """What is written as JSON: an `EffectiveField` without its gradient.

    Attributes:
        layer: the layer's name.
        unit: (row, column) of the unit.
        support: height and width of all pixels with any gradient.
        effective_size: side of the square with as many pixels as matter.
    """

    layer: str
    unit: tuple[int, int]
    support: tuple[int, int]
    effective_size: float


@dataclass(frozen=True)
class EffectiveField:
    """What the central unit of one layer really looks at.

    Attributes:
        layer: the layer's name.
        unit: (row, column) of the unit.
        box: (top, left, bottom, right) of all pixels with any gradient, the last ones included.
        size: side in pixels of the square that has as many pixels as exceed the threshold.
        gradient: mean absolute gradient, shape (height, width), its largest value 1.
    """

    layer: str
    unit: tuple[int, int]
    box: tuple[int, int, int, int]
    size: float
    gradient: np.ndarray

    @property
    def support(self) -> tuple[int, int]:
        """Height and width of the box."""
        top, left, bottom, right = self.box
        return (bottom - top + 1, right - left + 1)

    def record(self) -> EffectiveRecord:
        """What is written as JSON."""
        return EffectiveRecord(self.layer, self.unit, self.support, round(self.size, 1))


def measure(
    model: Any, layer: str, *, unit: tuple[int, int] | None = None, samples: int = 8, seed: int = 0
) -> EffectiveField:
    """Measure one layer of a Keras model on random images.

    Args:
        model: a functional Keras model.
        layer: name of a layer with a feature map.
        unit: (row, column); the map's center by default.
        samples: random images (normal, mean 0, variance 1: as normalized images are) to average over.
        seed: of the images and of the channels' random weights.

    Raises:
        UsageError: there is no such layer, or it has no feature map.
    """
    target = _output(model, layer)
    height, width = int(target.shape[1]), int(target.shape[2])
    row, column = unit or (height // 2, width // 2)
    part = keras.Model(model.inputs, target)
    generator = np.random.default_rng(seed)
    total = np.zeros(model.input_shape[1:3])
    for _ in range(samples):
        picture = tf.constant(generator.normal(size=(1, *model.input_shape[1:])), tf.float32)
        weights = tf.constant(generator.normal(size=int(target.shape[3])), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(picture)
            answer = tf.reduce_sum(part(picture, training=False)[0, row, column] * weights)
        total += np.abs(tape.gradient(answer, picture).numpy()[0]).sum(axis=-1)
    return _field(layer, (row, column), total)


def _output(model: Any, layer: str) -> Any:
    try:
        target = model.get_layer(layer).output
    except ValueError as error:
        raise UsageError(f"{model.name} has no layer {layer!r}. `edgecnn inspect` lists the layers.") from error
    if isinstance(target, (list, tuple)) or len(target.shape) != 4:
        raise UsageError(
            f"The layer {layer!r} has no feature map; expected an output of shape (batch, height, width, "
            "channels). `edgecnn inspect` lists the layers."
        )
    return target


def _field(layer: str, unit: tuple[int, int], total: np.ndarray) -> EffectiveField:
    rows, columns = np.flatnonzero(total.any(axis=1)), np.flatnonzero(total.any(axis=0))
    if not rows.size:
        return EffectiveField(layer, unit, (0, 0, -1, -1), 0.0, total)
    relative = total / total.max()
    box = (int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1]))
    return EffectiveField(layer, unit, box, math.sqrt(float((relative >= THRESHOLD).sum())), relative)


def stage_ends(report: Report) -> list[LayerReport]:
    """The last layer of every map size: where one usually looks at a network."""
    last: dict[tuple[int, ...], LayerReport] = {}
    for row in report.by_name:
        has_map = len(row.output_shape) == 4 and min(row.output_shape[1:3]) > 1
        if has_map and row.reach is not None and row.reach.axes[0].size > 1:  # 1: the input's own conversion
            last[row.output_shape[1:3]] = row
    return list(last.values())


def measure_stages(model: Any, report: Report, layers: Sequence[str] = ()) -> list[EffectiveField]:
    """Measure the layers that are named, or the end of every stage."""
    own = {layer.name for layer in model.layers}
    names = layers or [row.layer.name for row in stage_ends(report) if row.layer.name in own]
    return [measure(model, name) for name in names]
