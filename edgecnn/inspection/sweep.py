"""One network at several input sizes: how its cost grows with the image, counted and measured.

A convolution's cost is proportional to the pixels, O(H W). Attention compares every patch with every other,
O((H W / p^2)^2), beside dense layers that are proportional to the patches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core import temporary
from edgecnn.core.progress import Progress, silent
from edgecnn.inspection.analysis import analyze
from edgecnn.inspection.opening import OpenedModel, open_model
from edgecnn.runtime.model.validation import Record

if TYPE_CHECKING:
    from edgecnn.runtime.run.engine import Engine

_BUDGET_MS, _LEAST_RUNS, _MOST_RUNS = 2000.0, 5, 200


@dataclass(frozen=True)
class Point(Record):
    """The network at one input size.

    Attributes:
        input_size: height and width in pixels.
        macs: multiply-accumulates, counted.
        peak_activation_bytes: counted, float32.
        processor_ms: median processor time on this machine, float32 `.tflite`, one thread: the latency on a core of
            its own, and less disturbed by other work than the wall clock; None where it was not measured.
        runs: how many runs the median is of.
    """

    input_size: int
    macs: int
    peak_activation_bytes: int
    processor_ms: float | None
    runs: int


def sweep(
    text: str, sizes: Sequence[int], *, trust: bool = False, timed: bool = True, progress: Progress = silent
) -> list[Point]:
    """Count, and time, a model at several input sizes.

    Args:
        text: a model's name or Keras file.
        sizes: heights and widths in pixels.
        trust: run code that a Keras file carries.
        timed: measure the time as well.
        progress: called with (stage, done, total).
    """
    points = []
    for index, size in enumerate(sizes):
        progress(f"Measuring {text} at {size} x {size}" if timed else f"Counting {text}", index, len(sizes))
        source = open_model(text, input_size=size, trust=trust)
        report = analyze(source.network)
        median, runs = _measured(source) if timed else (None, 0)
        points.append(Point(size, report.total.macs, report.peak_activation_bytes, median, runs))
    return points


def _measured(source: OpenedModel) -> tuple[float, int]:
    from edgecnn.quantization import quantize
    from edgecnn.runtime.run.engine import Engine

    model = (source.keras_model, source.contract) if source.contract else source.keras_model
    with temporary.folder() as folder:
        file = quantize(model, Path(folder) / "sweep.tflite", scheme="float32")
        return processor_time_ms(Engine(file, threads=1))


def processor_time_ms(engine: Engine) -> tuple[float, int]:
    """Median processor time of one inference, and of how many runs; the engine should have one thread."""
    from edgecnn.runtime.measure.latency import test_tensor

    tensor = test_tensor(engine)
    engine.invoke(tensor)
    samples: list[float] = []
    while len(samples) < _LEAST_RUNS or (sum(samples) < _BUDGET_MS and len(samples) < _MOST_RUNS):
        start = time.process_time()
        engine.invoke(tensor)
        samples.append((time.process_time() - start) * 1e3)
    return round(sorted(samples)[len(samples) // 2], 3), len(samples)


def growth(points: Sequence[Point], key: str) -> float | None:
    """The exponent e of cost ~ pixels^e between the smallest and the largest size: 1 is linear in the pixels."""
    ordered = sorted(points, key=lambda point: point.input_size)
    low, high = getattr(ordered[0], key), getattr(ordered[-1], key)
    if not low or not high or ordered[0].input_size == ordered[-1].input_size:
        return None
    return math.log(high / low) / (2 * math.log(ordered[-1].input_size / ordered[0].input_size))
