"""A detector's figures with intervals: over all, by class and by size, by the bootstrap over images (Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.core.statistics import Metric, Share, interval
from edgecnn.tasks.average_precision import SIZES, Matched, mean

_WORK, _MOST, _LEAST = 2_000_000, 200, 40  # draws by the number of detections


@dataclass(frozen=True)
class BoxFigures:
    """Two models on the same images, and the same draws of those for both.

    Attributes:
        whole: the matches of each model.
        by_size: the same for each of `SIZES`.
        counts: how often each image counts: once, then in each draw, (1 + draws, images).
    """

    whole: tuple[Matched, Matched]
    by_size: tuple[tuple[Matched, Matched], ...]
    counts: np.ndarray

    @classmethod
    def of(
        cls, expected: Sequence[np.ndarray], found: Sequence[np.ndarray], truths: Sequence[np.ndarray], sizes: bool
    ) -> BoxFigures:
        """Match both models' detections.

        Args:
            expected: detections of each image by the float model, see `average_precision`.
            found: by the artifact.
            truths: of each image.
            sizes: whether `by_size` is wanted.
        """
        areas = ("all", *SIZES) if sizes else ("all",)
        whole, *others = [(Matched.of(expected, truths, area), Matched.of(found, truths, area)) for area in areas]
        count = sum(len(each.scores) for rows in whole[0].by_class for _, each in rows)
        draws = int(np.clip(_WORK / max(count, 1), _LEAST, _MOST))
        images = len(truths)
        drawn = np.random.default_rng(0).multinomial(images, np.full(images, 1 / images), draws)
        return cls(whole, tuple(others), np.concatenate((np.ones((1, images), int), drawn)))

    def headline(self) -> tuple[Metric, Metric, Share]:
        """mAP, AP50, and the points of mAP that the artifact loses."""
        values = np.array([[_headline(matched, each) for matched in self.whole] for each in self.counts])
        values = 100 * np.maximum(values, 0)  # (draws, models, metrics)
        metrics = [Metric(*(self._interval(values[:, model, place]) for model in (0, 1))) for place in (0, 1)]
        return metrics[0], metrics[1], self._interval(values[:, 0, 0] - values[:, 1, 0])

    def details(self, label_of: Callable[[int], str]) -> dict[str, Metric]:
        """Average precision of each class that has objects, then of each size of objects.

        Args:
            label_of: the name of a class by its number.
        """
        precision = [_by_class(self.whole, each) for each in self.counts]  # draws of class -> (models,)
        found = {
            f"AP of {label_of(label)}": self._metric([each.get(label, _NEVER) for each in precision])
            for label in precision[0]
        }
        for size, pair in zip(SIZES, self.by_size):
            values = [np.array([mean(matched.figures(each)[0]) for matched in pair]) for each in self.counts]
            found[f"AP of {size} objects"] = self._metric(values)
        return {name: metric for name, metric in found.items() if metric is not None}

    def _metric(self, values: Sequence[np.ndarray]) -> Metric | None:
        """Of both models; None without objects. Draws without objects don't count."""
        each = np.stack(values)
        if each[0].max() < 0:
            return None
        known = 100 * each[(each >= 0).all(axis=1)]
        return Metric(*(self._interval(known[:, model]) for model in (0, 1)))

    def _interval(self, values: np.ndarray) -> Share:
        return interval(values if len(values) > 1 else np.repeat(values, 2), self.counts.shape[1])


_NEVER = np.full(2, -1.0)


def _headline(matched: Matched, counts: np.ndarray) -> tuple[float, float]:
    precision, _ = matched.figures(counts)
    return mean(precision), mean(precision[:, 0])


def _by_class(pair: tuple[Matched, Matched], counts: np.ndarray) -> dict[int, np.ndarray]:
    """Average precision of both models by class, -1 without objects."""
    each = [dict(zip(matched.classes, matched.figures(counts)[0])) for matched in pair]
    classes = sorted({*each[0], *each[1]})
    return {label: np.array([mean(own[label]) if label in own else -1.0 for own in each]) for label in classes}
