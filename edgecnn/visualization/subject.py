"""A model that is looked into: one interface for Keras models and `.tflite` files."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.inspection.analysis import LayerReport, analyze
from edgecnn.inspection.opening import OpenedModel, open_model
from edgecnn.runtime.model.model_file import ModelFile, outputs_of
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import apply_table, input_table
from edgecnn.runtime.run.program import refusals
from edgecnn.runtime.tasks import Outputs
from edgecnn.runtime.tasks.classification import sigmoid
from edgecnn.visualization.base import Subject
from edgecnn.visualization.class_score import class_score
from edgecnn.visualization.kept_tensors import keeper_of
from edgecnn.visualization.tflite_subject import TFLiteSubject

__all__ = ["KerasSubject", "Subject", "TFLiteSubject", "open_subject", "subject"]

_BATCH = 16


@dataclass(frozen=True, eq=False)
class KerasSubject(Subject):
    """A Keras model."""

    model: Any

    def tensor(self, pictures: np.ndarray) -> np.ndarray:
        """Fitted images as the model's input, float32."""
        table = input_table(self.contract.preprocessing, np.dtype(np.float32), 0, 0)
        return np.concatenate([apply_table(picture, table) for picture in pictures])

    def outputs(self, pictures: np.ndarray) -> list[Outputs]:
        """See `Subject.outputs`."""
        found: list[Outputs] = []
        for start in range(0, len(pictures), _BATCH):
            given = self.model(self.tensor(pictures[start : start + _BATCH]), training=False)
            each = [values.numpy() for values in (given if isinstance(given, (list, tuple)) else [given])]
            found += [list(values) for values in zip(*each)]
        return found

    def anchor_outputs(self, fitted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Subject.anchor_outputs`."""
        corrections, logits = self.outputs(fitted[np.newaxis])[0]
        return corrections, sigmoid(logits)

    def maps(self, fitted: np.ndarray, rows: Sequence[LayerReport]) -> list[np.ndarray]:
        """See `Subject.maps`."""
        part = self._part(tuple(row.layer.name for row in rows))
        outputs = part(self.tensor(fitted[np.newaxis]), training=False)
        return [output.numpy()[0] for output in (outputs if len(rows) > 1 else [outputs])]

    @functools.lru_cache(maxsize=4)  # noqa: B019 - a subject lives as long as the command
    def _part(self, names: tuple[str, ...]) -> Any:
        from edgecnn.core.compat.tensorflow import keras

        outputs = [self._layer(name).output for name in names]
        return keras.Model(self.model.inputs, outputs if len(outputs) > 1 else outputs[0])

    def _layer(self, name: str) -> Any:
        try:
            return self.model.get_layer(name)
        except ValueError as error:
            raise UsageError(
                f"{self.name}: {name} is inside a nested model, whose layers can't be drawn. Convert it with "
                "edgecnn quantize --scheme float32, which keeps its weights, and give the .tflite file."
            ) from error

    def first_kernel(self) -> tuple[str, np.ndarray]:
        """See `Subject.first_kernel`."""
        name = self.first_convolution().layer.name
        return name, self._layer(name).get_weights()[0]

    def class_activation(self, fitted: np.ndarray, index: int, row: LayerReport) -> np.ndarray:
        """Grad-CAM: Selvaraju et al., ICCV 2017, equations 1 and 2; the score is the logit, or the log probability.

        Of a detector every place counts with its own gradient, of the surest box's logit: Zhao and Chan, ODAM, ICLR
        2023, without its smoothing. The mean gradient would weigh all objects of the class alike.
        """
        from edgecnn.core.compat.tensorflow import keras, tf

        part = keras.Model(self.model.inputs, [self._layer(row.layer.name).output, *self.model.outputs])
        picture = tf.constant(self.tensor(fitted[np.newaxis]))
        with tf.GradientTape() as tape:
            tape.watch(picture)  # so that what is computed from it is recorded, frozen weights or not
            maps, *outputs = part(picture, training=False)
            score = class_score(outputs[-1][0], index, self.contract.output)
        weights = tape.gradient(score, maps)
        if not self.task.device.followed:
            weights = tf.reduce_mean(weights, axis=(1, 2), keepdims=True)
        result: np.ndarray = tf.nn.relu(tf.reduce_sum(maps * weights, axis=-1))[0].numpy()
        return result


def open_subject(path: str, hints: Hints = NO_HINTS, *, trust: bool = False) -> Subject:
    """The subject for a model file; errors as of `open_model` and `subject`."""
    size = hints.input_size if path.endswith(".tflite") else None
    return subject(open_model(path, trust=trust, input_size=size, said=hints.said), hints)


def subject(source: OpenedModel, hints: Hints = NO_HINTS) -> Subject:
    """The subject for an opened model; the hints are what is known of one by others.

    Raises:
        ModelFileError: it is no image classifier.
        CrashError: the runtime crashes on the file.
    """
    if source.file is not None:
        guard.isolated(_runs, source.file, limit_processor_s=guard.processor_s(source.file, 2))
        outputs = outputs_of(source.file.model)
        file = dataclasses.replace(source.file, contract=hints.applied(source.file.contract, outputs))
        return TFLiteSubject(source.network.name, file.contract, analyze(source.network), file)
    if source.keras_model is None:
        raise ModelFileError(source.refusal)
    if source.contract is None:
        from edgecnn.float_model.loading import from_model

        contract = from_model(source.keras_model, None, hints).contract
    else:
        contract = hints.applied(source.contract)
    return KerasSubject(source.network.name, contract, analyze(source.network), source.keras_model)


def _runs(file: ModelFile) -> bool:
    """One inference by each interpreter; a broken file may kill the process, so a child does it first."""
    engine = Engine(file, threads=1)
    tensor = np.zeros(engine.input.shape, engine.input.dtype)
    engine.invoke(tensor)
    with contextlib.suppress(ModelFileError), refusals(file.name):  # only the feature maps need it
        keeper = keeper_of(file)
        keeper.set_tensor(engine.input.index, tensor)
        keeper.invoke()
    return True
