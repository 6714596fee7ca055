"""Times for the pages: processor time of one thread, which other work on the machine disturbs least."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from edgecnn.inspection.sweep import processor_time_ms
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.run.engine import Engine


def processor_ms(source: Any, scheme: str) -> tuple[float, int]:
    """Median processor time of one inference, and the file's bytes; `source` is (Keras model, contract)."""
    with tempfile.TemporaryDirectory() as folder:
        file = _quantized(source, scheme, Path(folder) / "m.tflite")
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


def interleaved_ms(sources: dict[str, Any], schemes: Sequence[str], rounds: int = 7) -> dict[str, dict[str, float]]:
    """Median processor time of each (Keras model, contract) by scheme; interleaved, `rounds` times."""
    with tempfile.TemporaryDirectory() as folder:
        engines = {
            (name, scheme): Engine(_quantized(source, scheme, Path(folder) / f"{number}_{scheme}.tflite"), threads=1)
            for number, (name, source) in enumerate(sources.items())
            for scheme in schemes
        }
        times: dict[tuple[str, str], list[float]] = {key: [] for key in engines}
        for _ in range(rounds):
            for key, engine in engines.items():
                times[key].append(processor_time_ms(engine)[0])
    return {name: {scheme: round(median(times[name, scheme]), 2) for scheme in schemes} for name in sources}


def _quantized(source: Any, scheme: str, path: Path) -> Any:
    return quantize(source, path, scheme=scheme, calibration=Calibration("photos", 4))
