"""What a model is for, as far as a device needs to know: one file per task in this folder, NumPy only.

A file has `TASK`, a `DeviceTask`. Its counterpart on the host is `edgecnn.tasks`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import ModelFileError, OutputValueError
from ..model.contract import Contract
from ..model.rejection import judged

Outputs = Sequence[np.ndarray]
"""A model's output tensors as real values, float32, without the batch axis."""
Answer = dict[str, Any]
"""One thing that a model says of an image: index, label, probability (0 to 1) and what the task adds; JSON values.

Only "none of these" has the index -1 and the probability None."""


def check_finite(outputs: Outputs, whose: str = "The model's") -> None:
    """Refuse NaN and infinite values: nothing can be said of them.

    Raises:
        OutputValueError: there are some.
    """
    bad = sum(int(np.count_nonzero(~np.isfinite(values))) for values in outputs)
    if bad:
        count = sum(values.size for values in outputs)
        raise OutputValueError(
            f"{whose} output holds NaN or infinite values ({bad:,} of {count:,}). Common causes: activations "
            "that overflow, a logarithm or a division by zero inside the model, or a wrongly scaled input. "
            "Check the model, and --mean and --std."
        )


class DeviceTask(ABC):
    """What every task gives, and what it may leave to these defaults.

    Attributes:
        name: as contracts have it; the file's name.
        outputs: kinds of output that its contracts may name.
        answers_key: what the answers are called where they are written as JSON.
        summary: what a model for it is, in the standard metadata.
        smoothed: whether `interpret` gives arrays of one shape whose mean over some frames makes sense.
        followed: whether `interpret` gives detections, see `model.box_decoding`, of objects that can be followed from
            frame to frame.
        command: which command shows its answers for images.
        nothing: what is said of an image for which there is no answer, or none that is sure enough.
    """

    name: ClassVar[str]
    outputs: ClassVar[tuple[str, ...]]
    answers_key: ClassVar[str] = "answers"
    summary: ClassVar[str] = "Model"
    smoothed: ClassVar[bool] = False
    followed: ClassVar[bool] = False
    command: ClassVar[str] = "classify"
    nothing: ClassVar[str] = "not sure"

    def check(self, contract: Contract, shapes: Sequence[tuple[int, ...]]) -> None:  # noqa: B027 (a default)
        """Refuse output tensors that don't fit the contract.

        Args:
            contract: of the model.
            shapes: of its output tensors, without the batch axis.

        Raises:
            ModelFileError: they don't fit; the message says why.
        """

    def described(self, contract: Contract, outputs: Outputs, activation: str = "") -> Contract:
        """The contract with what can be seen of a float model, e.g. the kind of output.

        Args:
            contract: without that.
            outputs: of the model for one random image.
            activation: what the output passes through last, see `model.output_kind`; empty where it isn't known.

        Raises:
            ModelFileError: the outputs aren't those of this task.
        """
        self.check(contract, [output.shape for output in outputs])
        return contract

    def settled(self, outputs: Outputs, contract: Contract) -> list[np.ndarray]:
        """The raw output tensors with zeros in the places that a runtime leaves undefined."""
        return [*outputs]

    def ordered(self, outputs: Outputs, contract: Contract) -> list[np.ndarray]:
        """The outputs in the order in which this task takes them; exporters may have another."""
        return [*outputs]

    @abstractmethod
    def interpret(self, outputs: Outputs, contract: Contract) -> np.ndarray:
        """What `answers` takes: probabilities by class, rows of boxes, ..."""

    @abstractmethod
    def answers(self, values: np.ndarray, contract: Contract, count: int = 5) -> list[Answer]:
        """At most `count` answers, the surest first; may be empty."""

    def located(self, rows: np.ndarray, contract: Contract, height: int, width: int) -> list[Answer]:
        """Detections of a task that is `followed` as answers, with `pixels`: left, top, right, bottom in the image.

        Args:
            rows: float32 (n, 6).
            contract: of the model.
            height: of the image.
            width: of the image.
        """
        return []

    def margin(self, outputs: Outputs, contract: Contract) -> float | None:
        """The score of an image minus the threshold below which it is none of the classes; None without rejection."""
        return None

    def answered(self, outputs: Outputs, contract: Contract, count: int = 5) -> list[Answer]:
        """At most `count` answers for an image, after "none of these" where the contract rejects it."""
        found = self.answers(self.interpret(outputs, contract), contract, count)
        return judged(found, self.margin(outputs, contract), contract.rejection)

    def same(self, expected: Outputs, found: Outputs, contract: Contract) -> bool:
        """Whether two runs on one image give the same answer, as far as this task looks at it."""
        first, second = (self.answers(self.interpret(values, contract), contract) for values in (expected, found))
        return [answer["index"] for answer in first] == [answer["index"] for answer in second]

    def tensor_names(self, contract: Contract) -> tuple[str, ...]:
        """What the standard metadata calls the output tensors."""
        return (contract.output,)

    def labeled_tensor(self, contract: Contract) -> tuple[int, bool]:
        """The number of the output tensor that the labels belong to, and whether its values are the labels' numbers;
        otherwise its last axis has a value for each label.
        """
        return 0, False

    def box_tensor(self, contract: Contract) -> int | None:
        """The number of the output tensor that holds boxes, top, left, bottom and right as shares of the input."""
        return None

    def caption(self, answers: Sequence[Answer]) -> str:
        """The answers in a few words, for a heading."""
        return ", ".join(str(answer["label"]) for answer in answers[:3])

    def draw(self, canvas: np.ndarray, answers: Sequence[Answer], caption: str, contract: Contract) -> None:  # noqa: B027 (a default)
        """Draw the answers into an image.

        Args:
            canvas: uint8 (height, width, 3), blue-green-red; changed in place.
            answers: the surest first.
            caption: `caption(answers)`, or another text where none is sure enough.
            contract: of the model; its preprocessing says which part of the image the model saw.
        """


def names() -> list[str]:
    """All tasks that this device knows."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> DeviceTask:
    """A task by name: a file of this folder, or an entry point `edgecnn.runtime.tasks` of another distribution.

    Raises:
        ModelFileError: this version doesn't know it.
    """
    module = f"{__name__}.{name}" if name in names() else _elsewhere(name)
    if not module:
        raise ModelFileError(
            f"The model is for the task {name!r}, but this edgecnn supports only {', '.join(names())}. Upgrade edgecnn."
        )
    task: DeviceTask = importlib.import_module(module).TASK
    return task


def _elsewhere(name: str) -> str:
    """The module of another distribution's task; empty if there is none."""
    from importlib.metadata import entry_points

    if sys.version_info < (3, 10):
        found = entry_points().get(__name__, ())
    else:
        found = entry_points(group=__name__)
    return next((point.value for point in found if point.name == name), "")


def task_of(contract: Contract) -> DeviceTask:
    """The task that a contract names.

    Raises:
        ModelFileError: this version doesn't know it, or it has no such kind of output.
    """
    task = load(contract.task)
    if contract.output not in task.outputs:
        raise ModelFileError(
            f"Contract: output is {contract.output!r}; expected one of {', '.join(task.outputs)} ({task.name})."
        )
    return task
