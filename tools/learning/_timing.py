"""Times for the pages: processor time of one thread, which other work on the machine disturbs least."""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path
from typing import Any

from edgecnn.inspection.sweep import processor_time_ms
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.run.engine import Engine


def processor_ms(source: Any, scheme: str) -> tuple[float, int]:
    """Median processor time of one inference, and the file's bytes; `source` is (Keras model, contract)."""
    with tempfile.TemporaryDirectory() as folder:
        file = quantize(source, Path(folder) / "m.tflite", scheme=scheme, calibration=Calibration("photos", 4))
    return round(processor_time_ms(Engine(file, threads=1))[0], 2), len(file.data)


def machine() -> str:
    """What the times were measured on."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        name = next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        text, name = "", platform.machine()
    int8 = "with" if "vnni" in text else "without"
    return f"{name} {int8} int8 dot products (VNNI), one thread, shared with other work"
