"""The stage itself: both models over the same fitted images."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import BoundNotMetError, UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.core.progress import Progress, silent
from edgecnn.core.statistics import Metric, Share, share, sqnr_db
from edgecnn.data import DataSet, Example, open_data, readable
from edgecnn.data.seen import Seen
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.rejection import NONE_OF_THESE, is_rejected
from edgecnn.runtime.process import guard
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine, Interface
from edgecnn.runtime.run.golden import Runner
from edgecnn.runtime.run.preprocess import fit
from edgecnn.runtime.tasks import Outputs, check_finite
from edgecnn.tasks import load, task_of
from edgecnn.tasks.confidence import Confidence
from edgecnn.tasks.task import Truth
from edgecnn.verification import thumbnail
from edgecnn.verification.cautions import TrainingImages
from edgecnn.verification.input_check import BetterInput, Reference, better_input
from edgecnn.verification.record import AnswerRecord, ShownImage, Verification
from edgecnn.verification.reference import open_reference
from edgecnn.verification.remarks import remarks

_BATCH = 32
_FLIPPED_SHOWN, _ANSWERS_SHOWN = 24, 12


def verify(  # noqa: PLR0913 (what the command takes)
    model: str | Path | ModelFile,
    against: Any,
    data: str | DataSet,
    *,
    device: str = "local",
    runner: Runner | None = None,
    others: str | DataSet | None = None,
    hints: Hints = NO_HINTS,
    trust: bool = False,
    progress: Progress = silent,
) -> Verification:
    """Compare an artifact with the float model it was made from.

    Args:
        model: the artifact.
        against: the float model, see `open_reference`.
        data: images; with labels accuracy is measured too.
        device: the name of where `runner` runs, for the record.
        runner: runs the artifact on input tensors; by default on this machine.
        others: images of other things, for an artifact whose contract has a rejection: how many does it accept?
        hints: what is known of models by others, the artifact or the float model.
        trust: run code that the float model's file carries.
        progress: called with (stage, done, total).

    Raises:
        ModelFileError: a model is damaged, or a runtime can't load it.
        UsageError: the models don't go together, or `others` are given for an artifact without a rejection.
        DataError: the data can't be read or doesn't match the labels.
    """
    file = model if isinstance(model, ModelFile) else hints.read(model)
    data = data if isinstance(data, DataSet) else open_data(data).part("test", "validation")
    elsewhere = _others(others, file)
    truth_of = task_of(file.contract).truth_of(data, file.contract, model_file.outputs_of(file.model))
    interface, run = (Interface(file), runner) if runner else _here(file)
    name, reference = open_reference(against, file.contract, hints=hints, trust=trust)
    comparison = _Comparison(interface, truth_of, data)
    about = {**_about(file, data), "against": name, "device": device}
    about["skipped"] = _compare(comparison, data, interface, run, reference, progress)
    about |= _false_alarms(elsewhere, interface, run, progress)
    about["golden"] = golden.replay(interface, run) if file.contract.golden else None
    return comparison.result(better=better_input(reference, file.contract, data, truth_of), **about)


def _about(file: ModelFile, data: DataSet) -> dict[str, Any]:
    """What was verified, and on what."""
    return {
        "model": file.name, "model_sha256": file.sha256, "data": data.name, "data_sha256": data.digest(),
        "task": file.contract.task,
    }  # fmt: skip


def _compare(
    comparison: _Comparison,
    data: DataSet,
    interface: Interface,
    run: Runner,
    reference: Reference,
    progress: Progress,
) -> dict[str, str]:
    """Give all images to both models, batch by batch; returns those that can't be read, with the reason."""
    skipped: dict[str, str] = {}
    images = readable(data, lambda example, why: skipped.update({example.name: str(why)}))
    while batch := list(islice(images, _BATCH)):
        fitted = np.stack([fit(image, interface.contract.preprocessing) for _, image in batch])
        outputs = list(run(interface.tensor(image) for image in fitted))
        expected = reference(fitted, interface.contract.preprocessing)
        comparison.add([example for example, _ in batch], fitted, expected, outputs)
        progress("Verifying", comparison.count + len(skipped), len(data))
    return skipped


def _others(others: str | DataSet | None, file: ModelFile) -> DataSet | None:
    """The images of other things, before anything runs."""
    if others is None:
        return None
    if file.contract.rejection is None:
        raise UsageError(
            f"--others needs an artifact that can answer {NONE_OF_THESE!r}, but the contract of {file.name} has no "
            "threshold for it. Set one: edgecnn open-set MODEL --data DATA -o OUTPUT."
        )
    return others if isinstance(others, DataSet) else open_data(others)


def _false_alarms(others: DataSet | None, interface: Interface, run: Runner, progress: Progress) -> dict[str, Any]:
    """How many of the images of other things are accepted; those that can't be read are passed over."""
    if others is None:
        return {}
    accepted = count = 0
    images = (image for _, image in readable(others, lambda example, why: None))
    for output in run(interface.prepare(image) for image in images):
        accepted += not is_rejected(interface.task.answered(interface.real(output), interface.contract, 1))
        count += 1
        progress("Images of other things", count, len(others))
    return {"others": others.name, "false_alarms": share(accepted, count)}


def _here(file: ModelFile) -> tuple[Interface, Runner]:
    guard.try_out(file)
    engine = Engine(file)
    return engine, engine.run


class _Comparison:
    """Collects both models' outputs, and what a person may want to look at."""

    def __init__(self, interface: Interface, truth_of: Callable[[Example], Truth] | None, data: DataSet) -> None:
        self._interface, self._contract = interface, interface.contract
        self._task = task_of(interface.contract)
        self._truth_of, self._data = truth_of, data
        self._expected: list[Outputs] = []
        self._found: list[Outputs] = []
        self._truths: list[Truth] = []
        self._calibrated_on = 0
        calibration = interface.contract.provenance.calibration
        self._used = set(calibration.pictures.values()) if calibration else set()
        self._training = TrainingImages(Seen.read(interface.contract.provenance))
        self._step = max(math.ceil(len(data) / _ANSWERS_SHOWN), 1)
        self._worst: list[tuple[int, int, ShownImage]] = []
        self.flipped: list[ShownImage] = []
        self.answers: list[ShownImage] = []

    @property
    def count(self) -> int:
        """Images so far."""
        return len(self._found)

    def add(self, examples: list[Example], fitted: np.ndarray, reference: list[Outputs], raw: list[np.ndarray]) -> None:
        """One batch: fitted images (n, height, width, channels), the float model's outputs, the artifact's raw ones."""
        for example, picture, outputs, output in zip(examples, fitted, reference, raw):
            expected = self._task.compared(outputs, self._contract)
            found = self._task.compared(self._interface.real(output), self._contract)
            if [values.size for values in expected] != [values.size for values in found]:
                raise UsageError(
                    f"The float model has {self._task.size_of(expected)}, but the artifact has "
                    f"{self._task.size_of(found)}. Compare the artifact with the model that it was made from."
                )
            check_finite(expected, f"{example.name}: The float model's")
            check_finite(found, f"{example.name}: The artifact's")
            self._expected.append(expected)
            self._found.append(found)
            self._truths.append(self._truth_of(example) if self._truth_of else None)
            digest = example.sha256()
            self._calibrated_on += digest[:16] in self._used
            self._training.look_up(digest)
            if not self._task.agrees(expected, found, self._contract):
                self.flipped.append(self._shown(example, picture, len(self.flipped), flipped=True))
            if (self.count - 1) % self._step == 0:
                self.answers.append(self._shown(example, picture, len(self.answers)))
            self._judge(example, picture)

    def _judge(self, example: Example, picture: np.ndarray) -> None:
        """Keep the image that was added last, if few were answered worse."""
        mistakes = self._task.mistakes(self._found[-1], self._truths[-1], self._contract) if self._truth_of else 0
        if not mistakes or (len(self._worst) == _ANSWERS_SHOWN and mistakes <= -self._worst[-1][0]):
            return
        shown = self._shown(example, picture, 0, self._task.perfect(self._truths[-1]))
        self._worst = sorted([*self._worst, (-mistakes, self.count, shown)], key=lambda each: each[:2])[:_ANSWERS_SHOWN]

    def _shown(
        self, example: Example, picture: np.ndarray, before: int, beside: Outputs | None = None, flipped: bool = False
    ) -> ShownImage:
        """The image that was added last, both answers side by side; of a flipped one the best classes, which differ."""
        truth = self._truths[-1] if self._truth_of else None
        expected, found = self._answered(self._contract.replace(rejection=None) if flipped else self._contract)
        return ShownImage(
            name=example.name,
            truth=None if truth is None else self._task.truth_name(truth, self._contract),
            float=expected,
            artifact=found,
            thumbnail=self._thumbnail(picture, beside) if before < _FLIPPED_SHOWN else None,
        )

    def _answered(self, contract: Any) -> list[AnswerRecord]:
        told = (self._task.headline(each[-1], contract) for each in (self._expected, self._found))
        return [*map(AnswerRecord.from_dict, told)]

    def _thumbnail(self, picture: np.ndarray, beside: Outputs | None) -> str:
        answers = [self._expected[-1] if beside is None else beside, self._found[-1]]
        small = thumbnail.small(picture, self._contract.preprocessing.color, self._task.draws)
        return thumbnail.encoded(self._task.drawn(small, answers, self._contract))

    def _signals(self, outputs: Sequence[Outputs]) -> np.ndarray:
        """What is compared in decibels, one row for each image."""
        return np.stack([self._task.signal(each) for each in outputs])

    def _rejected(self) -> Share | None:
        """How often the artifact answers "none of these"."""
        if self._contract.rejection is None:
            return None
        device = self._task.device
        return share(sum(is_rejected(device.answered(each, self._contract, 1)) for each in self._found), self.count)

    def result(self, better: BetterInput | None, **about: Any) -> Verification:
        """The record."""
        metrics: dict[str, Metric] = {}
        details: dict[str, Metric] = {}
        drop: Share | None = None
        doubts: tuple[str, ...] = ()
        right: np.ndarray | None = None
        confidence: Confidence | None = None
        if self._truth_of:
            confidence = self._task.confidence(self._found, self._truths, self._contract)
            right = self._task.right(self._found, self._truths, self._contract)
            doubts = self._task.doubts(self._data, self._expected, self._truths, self._contract)
            compared = (self._expected, self._found, self._truths, self._contract)
            metrics, drop = self._task.metrics(*compared)
            details = self._task.details(*compared)
        snr_db = sqnr_db(self._signals(self._expected), self._signals(self._found))
        parts_agree = self._task.parts_agree(self._expected, self._found)
        return Verification(
            pictures=self.count,
            metrics=metrics,
            details=details,
            drop=drop,
            parts_agree=parts_agree,
            agreement=share(self.count - len(self.flipped), self.count),
            snr_db=snr_db,
            calibrated_on=self._calibrated_on,
            trained_on=self._training.count,
            notes=(*self._training.notes(), *doubts, *remarks(self._task, parts_agree, snr_db, better)),
            better_input=better,
            right=None if right is None else base64.b64encode(np.packbits(right).tobytes()).decode(),
            confidence=confidence,
            errors=self._task.errors(self._found, self._truths, self._contract) if self._truth_of else None,
            worst=tuple(shown for _, _, shown in self._worst),
            rejected=self._rejected(),
            flipped=tuple(self.flipped),
            answers=tuple(self.answers),
            **about,
        )


def check_bounds(found: Verification, max_drop: float | None, min_agreement: float | None) -> None:
    """Check a verification against bounds.

    Args:
        found: the record.
        max_drop: points of top-1 that may be lost.
        min_agreement: percent of images that must agree.

    Raises:
        BoundNotMetError: one is not met, a golden vector differs, or a drop was asked for without labels.
    """
    problems, task = [], load(found.task)
    if max_drop is not None and found.drop is None:
        problems.append(f"--max-drop {max_drop} needs labels, but {found.data} has none (use --min-agreement)")
    elif max_drop is not None and found.drop is not None and found.drop.percent > max_drop:
        drop = str(found.drop).replace(" %", "")
        problems.append(f"{task.titles[task.metric]} drops by {drop} points; expected at most {max_drop}")
    if min_agreement is not None and found.agreement.percent < min_agreement:
        problems.append(f"agreement is {found.agreement}; expected at least {min_agreement} %")
    if min_agreement is not None and task.part and found.parts_agree is None:
        problems.append(f"no {task.part} has a score of 0.5 or more, so that the agreement says nothing")
    if found.golden and not found.golden.passed:
        problems.append("the golden vectors give other outputs than on the machine that made the artifact")
    if problems:
        raise BoundNotMetError("Bound not met: " + "; ".join(problems) + ".")
