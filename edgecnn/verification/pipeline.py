"""The stage itself: both models over the same fitted pictures."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import BoundNotMetError, UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.statistics import Share, in_top, paired_drop, share, sqnr_db
from edgecnn.data import DataSet, class_indices, open_data, readable
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.process import guard
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine, Interface, softmax
from edgecnn.runtime.run.golden import Runner
from edgecnn.runtime.run.preprocess import fit, opencv
from edgecnn.runtime.tasks.classification import top
from edgecnn.verification.reference import open_reference

_BATCH = 32
_FLIPPED_SHOWN, _ANSWERS_SHOWN = 24, 12
_THUMBNAIL_PIXELS = 160


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        model: file name of the artifact.
        model_sha256: digest of the artifact.
        against: name of the float model.
        data: DATA as it was asked for.
        data_sha256: digest of the pictures.
        device: where the artifact ran.
        pictures: how many both models saw.
        float_top1: share of pictures that the float model gets right; None without labels. And so on.
        drop: points of top-1 that the artifact loses, on the same pictures.
        agreement: share of pictures on which both models give the same best class.
        snr_db: signal-to-noise ratio of the logits, mean over the pictures, in dB.
        calibrated_on: how many of the pictures the artifact was calibrated on: its figures flatter there.
        flipped: the pictures with different answers: name, truth, both answers, a thumbnail (the first 24).
        answers: what the artifact says of up to 12 pictures, evenly over the data, for a person to look at.
        skipped: pictures that could not be read, with the reason.
        golden: the golden vectors, replayed.
    """

    model: str
    model_sha256: str
    against: str
    data: str
    data_sha256: str
    device: str
    pictures: int
    float_top1: Share | None
    float_top5: Share | None
    top1: Share | None
    top5: Share | None
    drop: Share | None
    agreement: Share
    snr_db: float
    calibrated_on: int
    flipped: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    skipped: dict[str, str]
    golden: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Verification:
        """The record that `to_dict` gave, perhaps by way of a JSON file."""
        shares = ("float_top1", "float_top5", "top1", "top5", "drop", "agreement")
        return cls(**{**values, **{name: Share(**values[name]) for name in shares if values[name] is not None}})

    def summary(self) -> dict[str, Any]:
        """What goes into the artifact's contract: the measured shares and what they were measured on."""
        kept = ("against", "data", "data_sha256", "pictures", "snr_db", "calibrated_on")
        shares = {name: getattr(self, name) for name in ("float_top1", "top1", "top5", "drop", "agreement")}
        found = {name: value.to_dict() for name, value in shares.items() if value is not None}
        return {**{name: getattr(self, name) for name in kept}, **found}


def verify(
    model: str | Path | ModelFile,
    against: Any,
    data: str | DataSet,
    *,
    device: str = "local",
    runner: Runner | None = None,
    trust: bool = False,
    progress: Progress = silent,
) -> Verification:
    """Compare an artifact with the float model it was made from.

    Args:
        model: the artifact.
        against: the float model, see `open_reference`.
        data: pictures; with labels accuracy is measured too.
        device: the name of where `runner` runs, for the record.
        runner: runs the artifact on input tensors; by default on this machine.
        trust: run code that the float model's file carries.
        progress: called with (stage, done, total).

    Raises:
        ModelFileError: a model is damaged, or a runtime can't load it.
        UsageError: the float model wants other pictures, or tells other classes apart.
        DataError: the data can't be read or doesn't match the labels.
    """
    file = model if isinstance(model, ModelFile) else model_file.read(model)
    if not file.sealed and runner is None:
        guard.try_out(file)
    data = data if isinstance(data, DataSet) else open_data(data)
    classes = class_indices(data, file.contract) if data.classes else {}
    interface, run = (Interface(file), runner) if runner else _here(file)
    name, reference = open_reference(against, file.contract, trust=trust)
    comparison = _Comparison(interface, classes, len(data))
    skipped = _compare(comparison, data, interface, run, reference, progress)
    return comparison.result(
        model=file.name, model_sha256=file.sha256, against=name, device=device,
        data=data.name, data_sha256=data.digest(), skipped=skipped,
        golden=golden.replay(interface, run).to_dict() if file.contract.golden else {},
    )  # fmt: skip


def _compare(
    comparison: _Comparison,
    data: DataSet,
    interface: Interface,
    run: Runner,
    reference: Callable[[np.ndarray], np.ndarray],
    progress: Progress,
) -> dict[str, str]:
    """Give all images to both models, batch by batch; returns those that can't be read, with the reason."""
    skipped: dict[str, str] = {}
    images = readable(data, lambda example, why: skipped.update({example.name: str(why)}))
    while batch := list(islice(images, _BATCH)):
        fitted = np.stack([fit(image, interface.contract.preprocessing) for _, image in batch])
        outputs = list(run(interface.tensor(image) for image in fitted))
        comparison.add([example for example, _ in batch], fitted, reference(fitted), outputs)
        progress("Verifying", comparison.count + len(skipped), len(data))
    return skipped


def _here(file: ModelFile) -> tuple[Interface, Runner]:
    engine = Engine(file)
    return engine, engine.run


class _Comparison:
    """Collects both models' scores, and what a person may want to look at."""

    def __init__(self, interface: Interface, classes: dict[str, int], pictures: int) -> None:
        self._interface = interface
        self._classes = classes
        self._reference: list[np.ndarray] = []
        self._scores: list[np.ndarray] = []
        self._truth: list[int] = []
        self._calibrated_on = 0
        self._used = set(interface.contract.provenance.get("calibration", {}).get("pictures", {}).values())
        self._step = max(math.ceil(pictures / _ANSWERS_SHOWN), 1)
        self.flipped: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []

    @property
    def count(self) -> int:
        """Pictures so far."""
        return len(self._scores)

    def add(self, examples: list[Any], fitted: np.ndarray, reference: np.ndarray, outputs: list[np.ndarray]) -> None:
        """One batch: fitted pictures (n, height, width, channels), float scores (n, classes), raw outputs."""
        for example, picture, expected, output in zip(examples, fitted, reference, outputs):
            scores = self._interface.output.dequantize(output)
            if expected.size != scores.size:
                raise UsageError(
                    f"The float model tells {expected.size} classes apart, the artifact {scores.size}. Compare it with "
                    "its own source."
                )
            self._reference.append(expected)
            self._scores.append(scores)
            self._truth.append(self._classes.get(example.label, -1))
            self._calibrated_on += example.sha256()[:16] in self._used
            flipped = int(expected.argmax()) != int(scores.argmax())
            if flipped:
                self.flipped.append(self._entry(example, picture, expected, scores, len(self.flipped)))
            if (self.count - 1) % self._step == 0:
                self.answers.append(self._entry(example, picture, expected, scores, len(self.answers)))

    def _entry(
        self, example: Any, picture: np.ndarray, expected: np.ndarray, scores: np.ndarray, before: int
    ) -> dict[str, Any]:
        color = self._interface.contract.preprocessing.color
        return {
            "name": example.name,
            "truth": self._interface.contract.label(self._truth[-1]) if self._truth[-1] >= 0 else None,
            "float": self._answer(expected),
            "artifact": self._answer(scores),
            "thumbnail": _thumbnail(picture, color) if before < _FLIPPED_SHOWN else None,
        }

    def _answer(self, scores: np.ndarray) -> dict[str, Any]:
        logits = self._interface.contract.output == "logits"
        return top(softmax(scores) if logits else scores, self._interface, 1)[0]

    def result(self, **about: Any) -> Verification:
        """The record."""
        reference, scores = np.stack(self._reference), np.stack(self._scores)
        same = reference.argmax(axis=1) == scores.argmax(axis=1)
        return Verification(
            pictures=self.count,
            **self._accuracy(reference, scores),
            agreement=share(int(same.sum()), self.count),
            snr_db=sqnr_db(reference, scores),
            calibrated_on=self._calibrated_on,
            flipped=self.flipped,
            answers=self.answers,
            **about,
        )

    def _accuracy(self, reference: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
        if not self._classes:
            return dict.fromkeys(("float_top1", "float_top5", "top1", "top5", "drop"))
        truth = np.asarray(self._truth)
        right = {
            f"{prefix}top{k}": in_top(values, truth, k)
            for prefix, values in (("float_", reference), ("", scores))
            for k in (1, 5)
        }
        shares = {name: share(int(hits.sum()), len(hits)) for name, hits in right.items()}
        return {**shares, "drop": paired_drop(right["float_top1"], right["top1"])}


def _thumbnail(picture: np.ndarray, color: str) -> str:
    """A small JPEG in base64."""
    cv2 = opencv()
    scale = min(1.0, _THUMBNAIL_PIXELS / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    blue_first = cv2.cvtColor(small, cv2.COLOR_RGB2BGR) if color == "rgb" else small
    _, encoded = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return base64.b64encode(encoded.tobytes()).decode()


def check_bounds(found: Verification, max_drop: float | None, min_agreement: float | None) -> None:
    """Hold a verification against bounds.

    Args:
        found: the record.
        max_drop: points of top-1 that may be lost.
        min_agreement: percent of pictures that must agree.

    Raises:
        BoundNotMetError: one is not met, a golden vector differs, or a drop was asked for without labels.
    """
    problems = []
    if max_drop is not None and found.drop is None:
        problems.append(f"--max-drop {max_drop} needs labels, and {found.data} has none; use --min-agreement")
    elif max_drop is not None and found.drop is not None and found.drop.percent > max_drop:
        drop = str(found.drop).replace(" %", "")
        problems.append(f"top-1 drops by {drop} points; at most {max_drop} were allowed")
    if min_agreement is not None and found.agreement.percent < min_agreement:
        problems.append(f"agreement is {found.agreement}; at least {min_agreement} % was asked for")
    if found.golden and not found.golden["passed"]:
        problems.append("the golden vectors give other answers than on the machine that made the artifact")
    if problems:
        raise BoundNotMetError("Bound not met: " + "; ".join(problems) + ".")
