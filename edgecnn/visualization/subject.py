"""A model that is looked into: one interface for Keras models and `.tflite` files.

Images are uint8 (height, width, channels) as the contract fits them; feature maps float32 (height, width, channels).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.graph import roles
from edgecnn.graph.constants import folded
from edgecnn.graph.network import Layer
from edgecnn.graph.operator_kinds import kind_of
from edgecnn.inspection.analysis import LayerReport, Report, analyze
from edgecnn.inspection.opening import OpenedModel, open_model
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.graph import Graph
from edgecnn.runtime.model.model_file import ModelFile, outputs_of
from edgecnn.runtime.model.output_kind import BINARY
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import apply_table, fit, input_table
from edgecnn.runtime.run.program import refusals
from edgecnn.runtime.tasks import task_of
from edgecnn.visualization.class_score import class_score
from edgecnn.visualization.kept_tensors import keeper_of

_BATCH = 16


@dataclass(frozen=True, eq=False)
class Subject(ABC):
    """What the drawings ask of a model; see `KerasSubject` and `TFLiteSubject`."""

    name: str
    contract: Contract
    report: Report

    def fitted(self, picture: np.ndarray) -> np.ndarray:
        """An image file's content, uint8 BGR of any size, as the model's input shows it."""
        return fit(picture, self.contract.preprocessing)

    def shown(self, fitted: np.ndarray) -> np.ndarray:
        """A fitted image as RGB."""
        if fitted.shape[2] == 1:
            return fitted.repeat(3, axis=2)
        return fitted[:, :, ::-1] if self.contract.preprocessing.color == "bgr" else fitted

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        if self.contract.labels or self.contract.output in BINARY:
            return len(self.contract.labels) or 2
        network = self.report.network
        return network.values[network.outputs[0]].elements

    def layers(self) -> list[LayerReport]:
        """The layers with a feature map, in order."""
        return [row for row in self.report.layers if len(row.output_shape) == 4 and min(row.output_shape[1:3]) > 1]

    def layer(self, name: str) -> LayerReport:
        """A layer by name.

        Raises:
            UsageError: there is no such layer, or it has no feature map.
        """
        for row in self.layers():
            if row.layer.name == name:
                return row
        names = ", ".join(row.layer.name for row in self.layers()[:6])
        raise UsageError(f"{self.name} has no feature map named {name!r}. `edgecnn inspect` lists all: {names}, ...")

    def answers(self, fitted: np.ndarray, count: int = 5) -> list[dict[str, Any]]:
        """The surest answers, by the model's task."""
        return task_of(self.contract).answers(self.probabilities(fitted[np.newaxis])[0], self.contract, count)

    @abstractmethod
    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """Class probabilities of fitted images, (n, height, width, channels) -> float32 (n, classes)."""

    @abstractmethod
    def maps(self, fitted: np.ndarray, rows: Sequence[LayerReport]) -> list[np.ndarray]:
        """The feature maps of some layers for one image, in real values."""

    @abstractmethod
    def first_kernel(self) -> tuple[str, np.ndarray]:
        """The first convolution's name and kernel, float32 (height, width, input channels, filters)."""

    @abstractmethod
    def class_activation(self, fitted: np.ndarray, index: int, row: LayerReport) -> np.ndarray:
        """How much each place of a feature map speaks for a class, float32 (height, width), >= 0 (Grad-CAM)."""

    def first_convolution(self) -> LayerReport:
        """The first layer with a kernel over the image.

        Raises:
            UsageError: the model has no convolution.
        """
        for row in self.report.layers:
            if row.layer.role == roles.CONVOLUTION:
                return row
        raise UsageError(f"{self.name} has no convolution, so it has no filters to show. Leave out the panel filters.")


@dataclass(frozen=True, eq=False)
class KerasSubject(Subject):
    """A Keras model."""

    model: Any

    def tensor(self, pictures: np.ndarray) -> np.ndarray:
        """Fitted images as the model's input, float32."""
        table = input_table(self.contract.preprocessing, np.dtype(np.float32), 0, 0)
        return np.concatenate([apply_table(picture, table) for picture in pictures])

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """See `Subject.probabilities`."""
        outputs = []
        for start in range(0, len(pictures), _BATCH):
            outputs.append(self.model(self.tensor(pictures[start : start + _BATCH]), training=False).numpy())
        task = task_of(self.contract)
        return np.stack([task.interpret([values], self.contract) for values in np.concatenate(outputs)])

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
        """Grad-CAM: Selvaraju et al., ICCV 2017, equations 1 and 2; the score is the logit, or the log probability."""
        from edgecnn.core.compat.tensorflow import keras, tf

        part = keras.Model(self.model.inputs, [self._layer(row.layer.name).output, self.model.output])
        picture = tf.constant(self.tensor(fitted[np.newaxis]))
        with tf.GradientTape() as tape:
            tape.watch(picture)  # so that what is computed from it is recorded, frozen weights or not
            maps, output = part(picture, training=False)
            score = class_score(output[0], index, self.contract.output)
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))[0]
        result: np.ndarray = tf.nn.relu(tf.reduce_sum(maps[0] * weights, axis=-1)).numpy()
        return result


@dataclass(frozen=True, eq=False)
class TFLiteSubject(Subject):
    """A `.tflite` file, run by operators that keep every tensor."""

    file: ModelFile

    @functools.cached_property
    def _engine(self) -> Engine:
        return Engine(self.file)

    @functools.cached_property
    def _keeper(self) -> Any:
        return keeper_of(self.file)

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """See `Subject.probabilities`."""
        return np.stack([self._engine.probabilities(self._engine.tensor(picture)) for picture in pictures])

    def maps(self, fitted: np.ndarray, rows: Sequence[LayerReport]) -> list[np.ndarray]:
        """See `Subject.maps`; integers are dequantized."""
        with refusals(self.name):
            self._keeper.set_tensor(self._engine.input.index, self._engine.tensor(fitted))
            self._keeper.invoke()
            return [self._real(row.layer.outputs[0])[0] for row in rows]

    def _real(self, number: int) -> np.ndarray:
        return self.file.model.graph.tensors[number].dequantize(self._keeper.get_tensor(number))

    def first_kernel(self) -> tuple[str, np.ndarray]:
        """See `Subject.first_kernel`."""
        layer = self.first_convolution().layer
        return layer.name, self._constant(layer).transpose(1, 2, 3, 0)

    def _constant(self, layer: Layer) -> np.ndarray:
        """The weights of a layer, real values; float16 ones are read from before their conversion."""
        operator = next(each for each in self._graph.operators if each.outputs == layer.outputs)
        tensor = self._graph.tensors[operator.inputs[1]]
        return tensor.dequantize(tensor.values())

    @functools.cached_property
    def _graph(self) -> Graph:
        return folded(self.file.model.graph)

    def class_activation(self, fitted: np.ndarray, index: int, row: LayerReport) -> np.ndarray:
        """Class activation map: Zhou et al., CVPR 2016.

        A `.tflite` file has no gradients, but after a mean over the map and one linear layer the gradients are that
        layer's weights, so that this is Grad-CAM up to a factor.

        Raises:
            UsageError: something else follows the map.
        """
        maps = self.maps(fitted, [row])[0]
        weights = self._linear_head(row)
        return np.maximum(maps @ weights[index], 0)

    def _linear_head(self, row: LayerReport) -> np.ndarray:
        """The weights (classes, channels) that turn the mean of a feature map into class scores; of a model with one
        output those of the first class are the negative of the second's.
        """
        number, pooled = row.layer.outputs[0], False
        for layer in self.report.network.layers:
            if number not in layer.inputs:
                continue
            if layer.op in ("MEAN", "AVERAGE_POOL_2D") and not pooled:
                pooled = True
            elif pooled and layer.role in (roles.DENSE, roles.CONVOLUTION):
                weights = self._constant(layer)
                weights = weights.reshape(weights.shape[0], -1)
                return np.concatenate((-weights, weights)) if self.contract.output in BINARY else weights
            elif layer.role != roles.IN_PLACE and not kind_of(layer.op).converts:
                break
            number = layer.outputs[0]
        raise UsageError(
            f"{self.name} is a .tflite file, which has no gradients. Grad-CAM then works only for a layer that is "
            f"followed by global average pooling and one linear layer, and {row.layer.name} is not. Give the "
            ".keras file, or use the occlusion map."
        )


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
