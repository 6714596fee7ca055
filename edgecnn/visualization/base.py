"""What the drawings ask of a model, whatever its file is.

Images are uint8 (height, width, channels) as the contract fits them; feature maps float32 (height, width, channels).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.graph import roles
from edgecnn.inspection.analysis import LayerReport, Report
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.output_kind import BINARY
from edgecnn.runtime.run.preprocess import fit
from edgecnn.runtime.tasks import Outputs
from edgecnn.tasks import task_of
from edgecnn.tasks.task import Task


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
        return network.values[network.outputs[-1]].shape[-1]

    def layers(self) -> list[LayerReport]:
        """The layers with a feature map, in order."""
        return [row for row in self.report.by_name if len(row.output_shape) == 4 and min(row.output_shape[1:3]) > 1]

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

    @property
    def task(self) -> Task:
        """What the model is for."""
        return task_of(self.contract)

    def answers(self, fitted: np.ndarray, count: int = 5) -> list[dict[str, Any]]:
        """The surest answers, by the model's task."""
        device = self.task.device
        return device.answers(
            device.interpret(self.outputs(fitted[np.newaxis])[0], self.contract), self.contract, count
        )

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """How sure the model is of each class in fitted images, (n, height, width, channels) -> (n, classes)."""
        return np.stack([self.task.class_scores(each, self.contract) for each in self.outputs(pictures)])

    @abstractmethod
    def outputs(self, pictures: np.ndarray) -> list[Outputs]:
        """Of each of the fitted images, (n, height, width, channels)."""

    @abstractmethod
    def anchor_outputs(self, fitted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A detector's corrections, (anchors, 4), and scores, (anchors, classes) from 0 to 1, for one image."""

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
