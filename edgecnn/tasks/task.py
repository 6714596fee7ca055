"""What a task is on the host: annotations, head, loss, metrics, and how answers are compared and shown."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from edgecnn.core.options import Key, SettingError
from edgecnn.core.registry import TASKS
from edgecnn.core.statistics import Metric, Share
from edgecnn.data import DataSet, Example
from edgecnn.runtime import tasks as device
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.tasks import Answer, DeviceTask, Outputs
from edgecnn.tasks.box_errors import BoxErrors
from edgecnn.tasks.confidence import Confidence
from edgecnn.tasks.encoder import Encoder, LossSettings

Truth = Any
"""What a data set says of one image, in the model's terms: the output index of a class, boxes, a number."""


@dataclass(frozen=True)
class Score:
    """How good a float model is.

    Attributes:
        loss: mean over the images.
        accuracy_percent: the task's first metric, in percent: of a classifier top-1.
        confusion: int64 (classes, classes), images by true class (rows) and answer (columns); None where a task has
            no such thing.
        standard_error_percent: of the metric, as the images are a sample; 0 where a task doesn't say.
    """

    loss: float
    accuracy_percent: float
    confusion: np.ndarray | None = None
    standard_error_percent: float = 0.0


class Task(Protocol):
    """What every task gives; a kind derives from this class, so that what it leaves out has the default here.

    Attributes:
        name: the file's name, and what contracts call it.
        noun: what a model for it is, e.g. "an image classifier".
        titles: metric -> what it is called in tables; the first metric is the one that counts: `drop` is of it.
        trained_output: the kind of output that its losses take.
        fits: strategy, or "compression" -> fields of the training's settings that are better for this task than the
            strategy's or the method's own.
        features_first: whether its last layer can be trained on features that are computed once.
        learns_from_stride: in fine-tuning blocks whose maps are all finer stay as they are; 0 for none.
        draws: whether answers have a place in the image, where `drawn` shows them side by side.
        part: what an answer has several of, "box"; empty where an answer is one thing.
        foreign_settings: fields of the training's settings that mean nothing here; setting one is refused.
    """

    name: str
    noun: str = "a model"
    titles: Mapping[str, str]
    trained_output: str
    fits: Mapping[str, Mapping[str, Any]] = {}
    features_first: bool = True
    learns_from_stride: int = 0
    draws: bool = False
    part: str = ""
    foreign_settings: tuple[str, ...] = ()

    @property
    def device(self) -> DeviceTask:
        """Its counterpart on devices."""
        return device.load(self.name)

    @property
    def metric(self) -> str:
        """The metric that counts."""
        return next(iter(self.titles))

    def check_settings(self, overrides: Mapping[str, Any]) -> None:
        """Refuse settings of the training that would be ignored.

        Args:
            overrides: the fields that the user set.

        Raises:
            UsageError: one is another task's.
        """
        for name in self.foreign_settings:
            if overrides.get(name) is not None:
                raise SettingError(Key(name), f" means nothing to {self.noun}, which this data trains; remove it.")

    # What a data set says

    def truth_of(
        self, data: DataSet, contract: Contract, outputs: int | None = None
    ) -> Callable[[Example], Truth] | None:
        """What the data set says of an image, in the terms of the model; None if it says nothing.

        Args:
            data: the data set.
            contract: of the model.
            outputs: how many values its output has, where that is known: the contract of a model by others may not
                tell.

        Raises:
            DataError: it says what the model can't answer; the message names it.
        """

    def doubts(
        self, data: DataSet, expected: Sequence[Outputs], truths: Sequence[Truth], contract: Contract
    ) -> tuple[str, ...]:
        """What makes one doubt that the truths are read right, in sentences.

        Args:
            data: the data set.
            expected: outputs of the float model for each image.
            truths: what `truth_of` says of each.
            contract: of the model.
        """
        return ()

    def truth_name(self, truth: Truth, contract: Contract) -> str:
        """A truth for people."""
        return str(truth)

    def stacked(self, truths: Sequence[Truth]) -> np.ndarray:
        """Truths of several images as one array, (images, ...), that training keeps in memory."""
        return np.asarray(truths)

    def check_data(self, counts: Mapping[str, int], name: str) -> None:
        """Refuse training data that nothing can be learned from.

        Args:
            counts: readable training images by label.
            name: of the data set.

        Raises:
            DataError: it is so.
        """

    # What training needs; models, outputs and targets are TensorFlow's

    def seen_by(self, contract: Contract) -> Preprocessing:
        """How images become the input of what `fitted` makes of a model with this contract."""
        return contract.preprocessing

    @abstractmethod
    def fitted(self, model: Any, contract: Contract, data: DataSet) -> tuple[Any, Contract]:
        """The model with a head for what the data set says, and the contract for that; as it is, where it has one.

        Raises:
            UsageError: the model can't get such a head.
        """

    def adapted(self, contract: Contract, data: DataSet, before: Contract, anchors: str) -> Contract:
        """The contract of a `fitted` model with what else the task takes from the training images.

        Args:
            contract: of the model as it is going to be trained.
            data: the training images.
            before: of the model as it came.
            anchors: of detectors: "data" fits them to the boxes, "model" keeps the model's, "auto" fits those of heads
                that were never trained.

        Raises:
            UsageError: it has no anchors, and they were asked for.
        """
        if anchors != "auto":
            raise SettingError(Key("anchors"), f" means nothing to {self.noun}, which this data trains; remove it.")
        return contract

    def untrainable(self, contract: Contract) -> str:
        """Why a model can't be trained further as it is ("ends in probabilities, ..."); empty if it can."""
        if contract.output != self.trained_output:
            return f"ends in {contract.output}, but fine-tuning needs {self.trained_output}"
        return ""

    def own_layers(self, model: Any) -> list[Any]:
        """Layers of its head, which learn at the head's rate and with their batch norms; none for the last layer."""
        return []

    def points(self, truths: np.ndarray) -> Sequence[np.ndarray] | None:
        """What a random crop keeps: one of these places of each image, float (n, 2), y and x as shares of it.

        Args:
            truths: `stacked`.
        """
        return None

    @abstractmethod
    def encoder(self, truths: np.ndarray, contract: Contract, settings: LossSettings) -> Encoder:
        """What makes the targets of batches from `stacked` truths."""

    @abstractmethod
    def losses(self, outputs: Any, targets: Any, settings: LossSettings, teacher: Any = None) -> Any:
        """The loss of each image, float32 (batch,).

        Args:
            outputs: of the model: a tensor (batch, ...), or a list of several.
            targets: what `encoder` makes.
            settings: of the loss.
            teacher: outputs of another model to imitate (distillation); None without.
        """

    @abstractmethod
    def hits(self, outputs: Any, targets: Any) -> Any:
        """How right each answer is, float32 (batch,) from 0 to 1: what training shows of the metric on its way."""

    def condensed(self, outputs: Outputs, truths: np.ndarray, contract: Contract) -> list[np.ndarray]:
        """What `score` needs of the outputs for one batch; all of it, where that is little.

        Args:
            outputs: of the model, each (batch, ...).
            truths: `stacked`, of the batch.
            contract: of the model.
        """
        return [*outputs]

    @abstractmethod
    def score(self, outputs: Outputs, truths: np.ndarray, contract: Contract) -> Score:
        """Evaluate a float model, without augmentation.

        Args:
            outputs: what `condensed` leaves, each (images, ...).
            truths: `stacked`.
            contract: of the model.
        """

    def teacher_order(self, student: Contract, teacher: Contract) -> tuple[int, ...] | None:
        """Which of a teacher's outputs belongs to each of the student's; None where they are taken as they are.

        Raises:
            UsageError: the teacher answers something else.
        """
        return None

    # What becomes of a model when it is converted

    def deployed(self, call: Callable[[Any], Any], contract: Contract) -> tuple[Callable[[Any], Any], Contract]:
        """The float model as it is converted, with what training leaves to the loss: a sigmoid, ...

        Args:
            call: float32 (1, height, width, channels) -> outputs.
            contract: of the model.
        """
        return call, contract

    def finished(self, graph: bytes, contract: Contract) -> tuple[bytes, Contract]:
        """The converted model with what its consumers expect behind it: non-maximum suppression, ...

        Args:
            graph: a `.tflite`.
            contract: of the model.
        """
        return graph, contract

    def unfinished(self, graph: bytes, contract: Contract) -> tuple[bytes, Contract]:
        """The inverse of `finished`: the model as it was converted.

        Args:
            graph: a `.tflite` of an artifact.
            contract: of the artifact.
        """
        return graph, contract

    def measured(self, outputs: Outputs, expected: Outputs, contract: Contract) -> np.ndarray:
        """What a conversion's noise is measured on, float32 (images, n): values in which an error is an error alike.

        Args:
            outputs: of a model as it is converted, see `deployed`; each (images, ...).
            expected: the float model's for the same images.
            contract: of either.
        """
        return np.concatenate([values.reshape(len(values), -1) for values in outputs], axis=1)

    # How an artifact compares with its float model

    def compared(self, outputs: Outputs, contract: Contract) -> list[np.ndarray]:
        """The outputs of either model in the form in which they are compared.

        Args:
            outputs: of one image.
            contract: of the artifact.
        """
        return [*outputs]

    def signal(self, outputs: Outputs) -> np.ndarray:
        """Of `compared` outputs what the signal-to-noise ratio is of, float32 (n,)."""
        return np.concatenate([values.reshape(-1) for values in outputs])

    def agrees(self, expected: Outputs, found: Outputs, contract: Contract) -> bool:
        """Whether both give the same answer for one image."""
        return self.device.same(expected, found, contract)

    @abstractmethod
    def metrics(
        self, expected: Sequence[Outputs], found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract
    ) -> tuple[dict[str, Metric], Share]:
        """Figures of merit of the float model and the artifact on the same images, and the drop of the first.

        Args:
            expected: the float model's outputs, of each image.
            found: the artifact's.
            truths: what the data set says of each.
            contract: of both.
        """

    def details(
        self, expected: Sequence[Outputs], found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract
    ) -> dict[str, Metric]:
        """Further figures of both models, of single classes for example, by a name for people. See `metrics`."""
        return {}

    def parts_agree(self, expected: Sequence[Outputs], found: Sequence[Outputs]) -> Share | None:
        """Share of the parts of answers (boxes) that agree; None where there are none, or an answer is one thing."""
        return None

    def right(self, found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract) -> np.ndarray | None:
        """Whether each answer is right, bool (images,); None where answers are neither right nor wrong."""
        return None

    def mistakes(self, found: Outputs, truth: Truth, contract: Contract) -> int:
        """How much of an answer is wrong: boxes, of one image; 0 where an answer is one thing."""
        return 0

    def errors(self, found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract) -> BoxErrors | None:
        """What kinds of mistakes there are; None where an answer is one thing."""
        return None

    def confidence(self, found: Sequence[Outputs], truths: Sequence[Truth], contract: Contract) -> Confidence | None:
        """How far the probabilities can be trusted; None where answers are neither right nor wrong."""
        return None

    def class_scores(self, outputs: Outputs, contract: Contract) -> np.ndarray:
        """How sure a model is that an image shows each class, 0 to 1: float32 (classes,)."""
        return self.device.interpret(outputs, contract)

    # How it is shown

    def size_of(self, outputs: Outputs) -> str:
        """How much a model answers, for people: "1000 output classes"."""
        return " + ".join(f"{output.size:,}" for output in outputs) + " output values"

    def headline(self, outputs: Outputs, contract: Contract) -> Answer:
        """What the model says of one image, in one answer."""
        return self.device.answered(outputs, contract, 1)[0]

    def drawn(self, picture: np.ndarray, answers: Sequence[Outputs], contract: Contract) -> np.ndarray:
        """An image with answers drawn in, side by side; as it is where an answer has no place in it.

        Args:
            picture: uint8 (height, width, 3), blue-green-red, as the model sees it.
            answers: `compared` outputs.
            contract: of the model.
        """
        return picture

    def perfect(self, truth: Truth) -> Outputs:
        """The `compared` outputs of a model that answers the truth, where these can be drawn."""
        return []

    def output_sentence(self, contract: Contract) -> str:
        """What the model's output is, for people."""
        return contract.output


def load(name: str) -> Task:
    """A task by name.

    Raises:
        UsageError: there is none of that name.
    """
    task: Task = TASKS.load(name).TASK
    return task


def task_of(contract: Contract) -> Task:
    """The task that a contract names.

    Raises:
        ModelFileError: this version doesn't know it, or it has no such kind of output.
        UsageError: only devices know it.
    """
    return load(device.task_of(contract).name)
