"""Targets: accelerators with a compiler of their own and rules about what it accepts. One file per target.

A file has `check(model, name)`, which applies the rules to a `.tflite` graph; `warnings(keras_model)`, which says
before training what won't map; and may have `compile(model, output)`, which runs the target's compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgecnn.core.errors import UsageError
from edgecnn.core.registry import TARGETS
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.model.tflite import TFLiteModel
from edgecnn.runtime.model.validation import Record
from edgecnn.targets.model import TargetModel, as_target_model


@dataclass(frozen=True)
class Verdict(Record):
    """What becomes of one operator, or of several that a compiler's log counts together.

    Attributes:
        index: in execution order; -1 in a compiler's log, which doesn't tell.
        layer: the Keras layer that it came from; empty in a compiler's log.
        type: e.g. "CONV_2D".
        mapped: whether the target runs it.
        status: in the words of the target's compiler.
        reason: why it isn't mapped, in ours; empty when it is.
        remedy: what to change; empty when there is nothing to.
        count: operators that this row stands for.
    """

    index: int
    layer: str
    type: str
    mapped: bool
    status: str
    reason: str = ""
    remedy: str = ""
    count: int = 1


@dataclass(frozen=True)
class Memory(Record):
    """Parameters against the target's memory on the chip.

    Attributes:
        parameter_bytes: of the operators that map, as stored in the `.tflite` file; in a compiler's log, as it stores
            them.
        on_chip_bytes: what the chip keeps of them; at most, in an estimate.
        streamed_bytes: what it reads over the bus at every inference; at least, in an estimate.
        estimated: whether this is a rule of thumb rather than a compiler's figure.
        note: in a sentence.
        needed_range_bytes: what the parameters take as the compiler stores them: (low, high), equal where it is known.
        streamed_range_bytes: `streamed_bytes` as (low, high).
    """

    parameter_bytes: int
    on_chip_bytes: int
    streamed_bytes: int
    estimated: bool
    note: str
    needed_range_bytes: tuple[int, int]
    streamed_range_bytes: tuple[int, int]


@dataclass(frozen=True)
class TargetReport(Record):
    """A model on a target.

    Attributes:
        source: "rules" for ours, or the compiler with its version.
        operators: in execution order; in a compiler's log, by type and status.
        mapped_macs_share: share of the multiply-accumulates that the target runs; None in a compiler's log.
        notes: what the rules leave open, in sentences.
    """

    DERIVED = ("mapped", "total", "maps_entirely", "first_refusal")

    target: str
    model: str
    source: str
    operators: tuple[Verdict, ...]
    memory: Memory
    mapped_macs_share: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def mapped(self) -> int:
        """How many operators the target runs."""
        return sum(row.count for row in self.operators if row.mapped)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(row.count for row in self.operators)

    @property
    def maps_entirely(self) -> bool:
        """Whether the target runs all of it."""
        return self.mapped == self.total > 0

    @property
    def first_refusal(self) -> Verdict | None:
        """The first operator that is refused for a reason of its own."""
        return next((row for row in self.operators if not row.mapped and row.reason), None)

    def summary(self) -> list[str]:
        """The result in sentences."""
        macs = "" if self.mapped_macs_share is None else f" ({self.mapped_macs_share:.0%} of the multiply-accumulates)"
        lines = [f"{self.mapped} of {self.total} operators{macs} run on the {self.target}, by {self.source}."]
        if self.first_refusal:
            row = self.first_refusal
            name = f" ({row.layer})" if row.layer else ""
            lines.append(f"First operator that stays on the processor: {row.type}{name}: {row.reason}")
        lines += sorted({f"Remedy: {row.remedy}" for row in self.operators if row.remedy})
        return [*lines, *self.notes, self.memory.note]


class TargetFile(Protocol):
    """A file of `edgecnn/targets/kinds/`.

    Attributes:
        NAME: of the accelerator, for people.
    """

    NAME: str

    def check(self, model: TFLiteModel, name: str = ...) -> TargetReport:
        """Apply the rules to a `.tflite` graph."""

    def warnings(self, keras_model: Any) -> Sequence[str]:
        """What won't map, in sentences, before a model is trained."""


class Target(TargetFile, Protocol):
    """The same with what a file may leave out."""

    @staticmethod
    def compile(model: TargetModel, output: str | Path) -> TargetReport:
        """Run the target's compiler; the default is for targets without one.

        Raises:
            UsageError: there is none.
            CompilerError: it isn't installed or fails.
        """
        raise UsageError(f"{model.name} needs no compilation for this target: run the file as it is.")


def _target(name: str) -> Target:
    return TARGETS.plugin(name, Target)


def check(model: TFLiteModel, target: str = "edgetpu", name: str = "model") -> TargetReport:
    """Apply a target's rules to a model; needs neither the target nor its compiler.

    Raises:
        UsageError: there is no such target.
    """
    return _target(target).check(model, name)


def compile(model: AnyFile | TargetModel, output: str | Path, target: str = "edgetpu") -> TargetReport:
    """Run a target's compiler on a model and write the result, contract included.

    The compiler decides, not the rules: see `expectation` for what these say before.

    Args:
        model: any `.tflite` file (`edgecnn.targets.model.read`), with or without a contract.
        output: the file to write.
        target: which.

    Raises:
        UsageError: there is no such target, or it has no compiler.
        CompilerError: the compiler isn't installed or fails.
    """
    return _target(target).compile(as_target_model(model), output)


def expectation(model: TFLiteModel, target: str = "edgetpu", name: str = "model") -> list[str]:
    """What a target's rules let one expect of its compiler, in sentences; empty where all should map.

    Raises:
        UsageError: there is no such target.
    """
    report = check(model, target, name)
    first = report.first_refusal
    if report.maps_entirely or first is None:
        return []
    share = f"{report.mapped} of {report.total} operators" if report.mapped else "nothing"
    reason = f"{first.type}{f' ({first.layer})' if first.layer else ''}: {first.reason} {first.remedy}".strip()
    return [
        (
            f"By the published rules, {share} of {name} would run on the {report.target}: {reason} The compiler "
            "has the last word."
        )
    ]


def warn_before_training(keras_model: Any, target: str = "edgetpu") -> list[str]:
    """What a Keras model will lose on a target, in sentences, before hours are spent on training it.

    Args:
        keras_model: built, trained or not; only its layers' classes and settings are read.
        target: which.

    Returns:
        One sentence per kind of problem; empty when all should map.

    Raises:
        UsageError: there is no such target.
    """
    return list(_target(target).warnings(keras_model))
