"""A `.tflite` file that is looked into."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.graph import roles
from edgecnn.graph.constants import folded
from edgecnn.graph.network import Layer
from edgecnn.graph.operator_kinds import kind_of
from edgecnn.inspection.analysis import LayerReport
from edgecnn.runtime.model.foreign_detector import postprocess
from edgecnn.runtime.model.graph import Graph
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.output_kind import BINARY
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.program import refusals
from edgecnn.runtime.tasks import Outputs
from edgecnn.visualization.base import Subject
from edgecnn.visualization.kept_tensors import keeper_of


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

    def outputs(self, pictures: np.ndarray) -> list[Outputs]:
        """See `Subject.outputs`."""
        engine = self._engine
        return [engine.real(engine.invoke(engine.tensor(picture))) for picture in pictures]

    def anchor_outputs(self, fitted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Subject.anchor_outputs`; behind the operator for detectors, those that it reads."""
        operator = postprocess(self.file.model.graph)
        if operator is None:
            corrections, scores = self.outputs(fitted[np.newaxis])[0]
            return corrections, scores
        with refusals(self.name):
            self._keeper.set_tensor(self._engine.input.index, self._engine.tensor(fitted))
            self._keeper.invoke()
            return self._real(operator.inputs[0])[0], self._real(operator.inputs[1])[0]

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
