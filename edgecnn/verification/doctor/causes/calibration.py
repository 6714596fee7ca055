"""The ranges in the artifact don't come from images like these.

The ranges tell what the calibrator saw. They are compared with what the float model gives for the images as they
should be, and for the usual mistakes; the nearest one wins.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np

from edgecnn.verification.doctor.case import Case, Finding

_CLEARLY = 0.7  # the nearest explanation must be nearer than this share of the right pictures' distance
_CLIPPED = 0.002  # share of values outside of the ranges that is too much
_LIKE = 0.15  # mean |log2| of two ranges that come from like images, at most
_FEW = 4  # images of a class, at least
_EXACTLY = 0.02  # mean |log2| of two ranges that come from the same images, at most
_WORTH_DB = 0.3


def examine(case: Case) -> Finding | None:
    """Find the explanation whose ranges are nearest to the artifact's."""
    ours = _artifact_widths(case)
    if len(ours) < 2:
        return None
    known = len(case.seen) > 0
    pictures = case.seen if known else case.spare
    right = _distance(ours, _widths(case, case.tensors(pictures)))
    distances = {name: _distance(ours, _widths(case, tensors)) for name, tensors in _mistakes(case, pictures)}
    name = min(distances, key=lambda mistake: distances[mistake])
    exactly = known and distances[name] < _EXACTLY < right
    tensor, clipped = _worst_clipping(case)
    if exactly or (distances[name] < _CLEARLY * right and right > _LIKE):
        summary = f"The activation ranges are those of {name}."
    elif _distance(ours, _widths(case, case.tensors(case.spare))) > _LIKE and clipped > _CLIPPED:
        one = f"images of one class only ({case.seen_label})" if case.seen_label else "too few or too similar images"
        summary = f"The activation ranges are those of {one}."
    else:
        return None
    finding = Finding(
        "calibration",
        summary,
        f"On average they differ by a factor of {2**right:.2f} from the ranges of the right images, and by "
        f"{2 ** distances[name]:.2f} from those of {name}. {100 * clipped:.2f} % of the values of "
        f"{case.layer_of(tensor)} lie outside of its range.",
        "Calibrate on images of all classes that are like those of the camera: edgecnn quantize ... --calibration DATA",
        case.layer_of(tensor),
        case.before_snr_db,
        case.after_snr_db(level=case.level),
    )
    return finding if exactly or finding.gain_db > _WORTH_DB else None


def _artifact_widths(case: Case) -> dict[int, float]:
    return {pair.output: 255 * pair.grid.scale for pair in case.simulation.pairs if pair.grid is not None}


def _widths(case: Case, tensors: np.ndarray) -> dict[int, float]:
    return {index: max(high, 0.0) - min(low, 0.0) for index, (low, high) in case.ranges(tensors).items()}


def _distance(ours: dict[int, float], other: dict[int, float]) -> float:
    """Mean |log2| of the ranges' ratios."""
    pairs = [(width, other[index]) for index, width in ours.items() if other.get(index, 0) > 0 and width > 0]
    return float(np.mean([abs(np.log2(a / b)) for a, b in pairs]))


def _mistakes(case: Case, pictures: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The usual ways to show the calibrator something else: (what it is, input tensors)."""
    ours = case.source.contract.preprocessing
    scalings = [
        ("images scaled to 0..1", (0.0,), (255.0,)),
        ("images scaled to -1..1", (127.5,), (127.5,)),
        ("images in 0..255, not scaled", (0.0,), (1.0,)),
    ]
    found = [
        (name, case.tensors(pictures, dataclasses.replace(ours, mean=mean, std=std)))
        for name, mean, std in scalings
        if not np.allclose(
            [(np.asarray(ours.mean) - mean).max(), (np.asarray(ours.std) / std).max()], [0, 1], atol=0.05
        )
    ]
    found += [
        ("noise", case.tensors(_noise(case.spare.shape, 1))),
        ("smooth noise", case.tensors(_noise(case.spare.shape, 2))),
    ]
    if pictures.shape[-1] == 3:
        found.append(("images with red and blue exchanged", case.tensors(pictures[..., ::-1])))
    counts = Counter(label for label in case.labels if label is not None)
    if len(counts) > 1:
        for label in sorted(label for label, count in counts.items() if count >= _FEW):
            chosen = [number for number, found_label in enumerate(case.labels) if found_label == label]
            found.append((f"images of one class only ({label})", case.tensors(case.spare[chosen])))
    return found


def _noise(shape: tuple[int, ...], times: int) -> np.ndarray:
    """Random pixels, averaged over squares of `times` x `times`: uint8 of this shape."""
    count, height, width, channels = shape
    values = np.random.default_rng(0).integers(0, 256, (count, height, times, width, times, channels))
    return values.mean(axis=(2, 4)).astype(np.uint8)


def _worst_clipping(case: Case) -> tuple[int, float]:
    """The activation with the largest share of values outside of its grid, and that share."""
    shares = {}
    for pair in case.simulation.pairs:
        if pair.grid is None:
            continue
        values = case.simulation.exact[pair.output]
        low, high = pair.grid.low - pair.grid.scale, pair.grid.high + pair.grid.scale
        shares[pair.output] = float(((values < low) | (values > high)).mean())
    worst = max(shares, key=lambda index: shares[index])
    return worst, shares[worst]
