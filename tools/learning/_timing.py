"""Times for the pages: processor time of one thread, which other work on the machine disturbs least."""

from __future__ import annotations

import platform
import tempfile
import time
from pathlib import Path
from typing import Any

from edgecnn.quantize import Calibration, quantize
from edgecnn.runtime.engine import Engine
from edgecnn.runtime.measure import test_tensor

BUDGET_S = 4.0


def processor_ms(source: Any, scheme: str) -> tuple[float, int]:
    """Median processor time of one inference, and the file's bytes; `source` is (Keras model, contract)."""
    with tempfile.TemporaryDirectory() as folder:
        file = quantize(source, Path(folder) / "m.tflite", scheme=scheme, calibration=Calibration("photos", 4))
    return engine_ms(Engine(file, threads=1)), len(file.data)


def engine_ms(engine: Engine) -> float:
    """Median processor time of one inference in milliseconds."""
    tensor = test_tensor(engine)
    engine.invoke(tensor)
    samples: list[float] = []
    while len(samples) < 5 or (sum(samples) < BUDGET_S * 1e3 and len(samples) < 100):
        start = time.process_time()
        engine.invoke(tensor)
        samples.append((time.process_time() - start) * 1e3)
    return round(sorted(samples)[len(samples) // 2], 2)


def machine() -> str:
    """What the times were measured on."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        name = next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        text, name = "", platform.machine()
    int8 = "with" if "vnni" in text else "without"
    return f"{name} {int8} int8 dot products (VNNI), one thread, shared with other work"
