"""Compares the contract's preprocessing with others by the float model's accuracy on labeled images.

An artifact agrees with its float model also where both are fed the wrong images; only labels tell.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.core.statistics import share
from edgecnn.data import DataSet, Example, readable
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.input_range import IMAGENET, IMAGENET_MEAN, PIXELS, SIGNED, UNIT
from edgecnn.runtime.model.records import Share
from edgecnn.runtime.model.validation import Record
from edgecnn.runtime.run.preprocess import fit
from edgecnn.runtime.tasks import Outputs
from edgecnn.tasks import task_of
from edgecnn.tasks.task import Truth

SAMPLES = 64
_SIGNIFICANCE = 0.05
_SCALINGS = (PIXELS, UNIT, SIGNED, IMAGENET, IMAGENET_MEAN)
_FITS = (("stretch", 0.875), ("crop", 1.0), ("crop", 0.875), ("pad", 0.875))
_MOST_TRIED = 1 + 2 * len(_SCALINGS) + len(_FITS)

Reference = Callable[[np.ndarray, Preprocessing], "list[Outputs]"]
"""Images fitted by a preprocessing, uint8 (n, height, width, channels) -> the float model's outputs for each."""


@dataclass(frozen=True)
class BetterInput(Record):
    """A preprocessing with which the float model is significantly more accurate than with the contract's.

    Attributes:
        options: what to say to `edgecnn quantize`, as it is typed.
        contract: share of the images that the float model answers rightly by the contract's preprocessing.
        better: the same by the other one.
        p_value: of McNemar's exact test (1947), times the number of preprocessings that may be tried (Bonferroni).
    """

    options: str
    contract: Share
    better: Share
    p_value: float

    def sentence(self) -> str:
        """For people."""
        return (
            f"The contract's preprocessing looks wrong: of {self.better.total} images, the float model classifies "
            f"{self.contract.percent:.0f} % correctly with it, but {self.better.percent:.0f} % with "
            f"{self.options}. Quantize again with these options."
        )


def better_input(
    reference: Reference, contract: Contract, data: DataSet, truth_of: Callable[[Example], Truth] | None
) -> BetterInput | None:
    """The best of the usual preprocessings, if it is clearly better than the contract's; needs labels.

    Ranges 0..255, 0..1, -1..1 and ImageNet's two normalizations are tried in both channel orders, then ways to fit
    the image. Models of edgecnn's own families are not asked: they were trained by the contract.

    Args:
        reference: the float model.
        contract: the artifact's.
        data: labeled images; at most `SAMPLES` are looked at.
        truth_of: what the data says of an image, see `edgecnn.tasks`.
    """
    if truth_of is None or contract.model.family:
        return None
    read = list(readable(data.sample(min(SAMPLES, len(data))), lambda example, why: None))
    trial = _Trial(reference, contract, [image for _, image in read], [truth_of(example) for example, _ in read])
    return trial.run() if read else None


class _Trial:
    """One check: the images, and who is right by which preprocessing."""

    def __init__(
        self, reference: Reference, contract: Contract, images: Sequence[np.ndarray], truths: Sequence[Truth]
    ) -> None:
        self._reference, self._contract, self._images, self._truths = reference, contract, images, truths
        self._task = task_of(contract)
        self._right = functools.lru_cache(maxsize=None)(self._rightness)

    def run(self) -> BetterInput | None:
        start = self._contract.preprocessing
        before = self._right(start)
        if _corrected(int((~before).sum()), 0) >= _SIGNIFICANCE:  # not even a perfect one would be clearly better
            return None
        scaled = self._best(_scalings(start))
        best = self._best([scaled, *_fits(scaled)])
        after = self._right(best)
        p_value = _corrected(int((after & ~before).sum()), int((before & ~after).sum()))
        if p_value >= _SIGNIFICANCE:
            return None
        ours, its = (share(int(right.sum()), len(right)) for right in (before, after))
        return BetterInput(_options(start, best), ours, its, round(p_value, 6))

    def _best(self, candidates: Iterable[Preprocessing]) -> Preprocessing:
        return max(candidates, key=lambda each: int(self._right(each).sum()))

    def _rightness(self, preprocessing: Preprocessing) -> np.ndarray:
        """Whether the float model is right, bool (images,)."""
        fitted = np.stack([fit(image, preprocessing) for image in self._images])
        found = self._reference(fitted, preprocessing)
        shares = [
            self._task.metrics([outputs], [outputs], [truth], self._contract)[0][self._task.metric].float_model
            for outputs, truth in zip(found, self._truths)
        ]
        return np.array([each.count > 0 for each in shares])


def _scalings(start: Preprocessing) -> Iterable[Preprocessing]:
    """What changes least comes first: it is preferred where two are right as often."""
    for scaled in (start, *(each.applied(start) for each in _SCALINGS)):
        yield scaled
        if start.channels == 3:
            other = "rgb" if scaled.color == "bgr" else "bgr"
            mean, std = (values[::-1] for values in (scaled.mean, scaled.std))
            yield dataclasses.replace(scaled, color=other, mean=mean, std=std)


def _fits(start: Preprocessing) -> Iterable[Preprocessing]:
    return (dataclasses.replace(start, fit=way, crop=crop) for way, crop in _FITS)


def _corrected(gained: int, lost: int) -> float:
    """One-sided probability of so many gained among those that differ, by chance, times the number of trials."""
    differ = gained + lost
    chance = sum(math.comb(differ, count) for count in range(gained, differ + 1)) / 2**differ
    return min(1.0, chance * _MOST_TRIED)


def _options(before: Preprocessing, after: Preprocessing) -> str:
    """The difference, as a person types it."""
    said = []
    if (before.mean, before.std) != (after.mean, after.std):
        said += [f"--{name} {','.join(f'{value:g}' for value in getattr(after, name))}" for name in ("mean", "std")]
    if before.color != after.color:
        said.append(f"--color {after.color}")
    if before.fit != after.fit:
        said.append(f"--fit {after.fit}")
    if after.fit == "crop" and (before.fit, before.crop) != (after.fit, after.crop):
        said.append(f"--crop {after.crop:g}")
    return " ".join(said)
