"""Estimates for a calibrated device against measurements, on models that no law was fitted to.

    python tests/benchmarks/estimates.py [--device DEVICE] [--threads N] [--passes N] [--models N] [--json FILE]

Calibrates the device, then estimates 20 models of ours as float32 and as int8 and measures them there. With one thread
both are processor time, which other programs stretch less than wall time, but do stretch: they share caches and, with
two threads on a core, its units. So every model is measured in several passes over all of them, minutes apart, and the
lower median counts; a quiet machine gives the same in each. Bars: median error at most 8 %, 9 of 10 within 20 %,
probes within 60 s. Exit status 1 when a bar is missed.

The models are converted once, into the cache folder (EDGECNN_BENCH_MODELS, else edgecnn-bench in the temporary folder).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

MODELS = (
    ("mobilenet_v1", 1.0, 224),
    ("mobilenet_v1", 0.5, 160),
    ("mobilenet_v1", 0.25, 128),
    ("mobilenet_v2", 1.0, 224),
    ("mobilenet_v2", 0.35, 160),
    ("mobilenet_v2", 0.75, 192),
    ("mobilenet_v2", 1.4, 224),
    ("mobilenet_v3_small", 1.0, 224),
    ("mobilenet_v3_large", 1.0, 224),
    ("mobilenet_v3_small_minimalistic", 1.0, 224),
    ("mobilenet_v3_large_minimalistic", 1.0, 224),
    ("mobilenet_v4_conv_small", 1.0, 224),
    ("efficientnet_lite0", 1.0, 224),
    ("efficientnet_lite1", 1.0, 240),
    ("efficientnet_lite2", 1.0, 260),
    ("efficientnet_b0", 1.0, 224),
    ("efficientnet_v2_b0", 1.0, 224),
    ("resnet18", 1.0, 160),
    ("resnet50", 1.0, 224),
    ("googlenet_bn", 1.0, 224),
)
MEDIAN, WITHIN, SHARE, SECONDS = 0.08, 0.20, 0.90, 60.0
FORMATS = ("float32", "int8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="local")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--passes", type=int, default=2, help="over all models; the lower time of a model counts")
    parser.add_argument("--models", type=int, default=len(MODELS), help="only the first N")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    folder = Path(os.environ.get("EDGECNN_BENCH_MODELS") or Path(tempfile.gettempdir()) / "edgecnn-bench")
    files = {model: converted(folder, *model) for model in MODELS[: options.models]}
    found, rows = measured(options, files)
    report(found, rows)
    if options.json:
        Path(options.json).write_text(json.dumps({"calibration": found.to_dict(), "rows": rows}, indent=2))
    return int(not met(found.seconds, [row["error"] for row in rows]))


def converted(folder: Path, name: str, width: float, size: int) -> tuple[Path, Path]:
    """The model in both formats; int8 with made-up ranges, which don't change its time."""
    places = tuple(folder / f"{name}_{width}_{size}_{number_format}.tflite" for number_format in FORMATS)
    if all(place.exists() for place in places):
        return places
    from edgecnn.builder import build_model
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.core.files import write_bytes
    from edgecnn.float_model.loading import TraceableModel
    from edgecnn.float_model.traced import FloatModel
    from edgecnn.graph.ranges import activations
    from edgecnn.quantization.scheme import quantize_with_ranges
    from edgecnn.runtime.model.tflite import parse

    folder.mkdir(parents=True, exist_ok=True)
    model, contract = build_model(name, width=width, input_size=size)
    float32 = FloatModel.trace(TraceableModel(lambda image: model(image, training=False), contract)).float32
    graph = parse(float32).graph
    ranges = dict.fromkeys((*graph.inputs, *activations(graph)), (-1.0, 1.0))
    write_bytes(places[0], float32)
    write_bytes(places[1], quantize_with_ranges(float32, ranges, "uint8", per_channel=True))
    keras.backend.clear_session()
    gc.collect()
    return places


def measured(options: argparse.Namespace, files: dict):
    """The calibration, and for each model and format what was estimated and what measured."""
    from edgecnn.devices import open_device
    from edgecnn.estimation import estimating, graphs
    from edgecnn.estimation.calibration import calibrate
    from edgecnn.profiling.compare import compare
    from edgecnn.runtime.model import model_file

    rows = []
    with open_device(options.device) as device:
        found = calibrate(device, threads=options.threads)
        lowest: dict[Path, float] = {}
        for places in list(files.values()) * options.passes:
            both = [model_file.read_any(place) for place in places]
            times = compare(*both, device, threads=options.threads, runs=150, warmup=3, budget=8.0)
            for place, ms in zip(places, (times.first_ms, times.second_ms)):
                lowest[place] = min(ms, lowest.get(place, ms))
    for (name, width, size), places in files.items():
        for number_format, place in zip(FORMATS, places):
            form = next(iter(graphs.subject(place).forms.values()))
            estimate = estimating.of_totals(name, number_format, form, found.laws)
            rows.append(row(f"{name} {width:g} {size}", number_format, estimate, lowest[place], times.clock))
            print(*(str(value) for value in rows[-1].values()), sep="\t", flush=True)
    return found, rows


def row(model: str, number_format: str, estimate, ms: float, clock: str) -> dict:
    if estimate.latency_ms is None:
        return {"model": model, "format": number_format, "estimated_ms": None, "measured_ms": ms, "error": 1.0,
                "inside": False, "clock": clock, "refusal": estimate.refusal}  # fmt: skip
    low, high = estimate.interval_ms
    return {
        "model": model, "format": number_format, "estimated_ms": estimate.latency_ms, "measured_ms": round(ms, 3),
        "error": round(estimate.latency_ms / ms - 1, 4), "inside": low <= ms <= high, "clock": clock, "refusal": "",
    }  # fmt: skip


def report(found, rows: list[dict]) -> None:
    for check in found.checks:
        print(f"{check.network}: {check.measured_ms} ms, by the others {check.without_ms} ms")
    for number_format in (*FORMATS, "both"):
        errors = np.abs([row["error"] for row in rows if number_format in (row["format"], "both")])
        inside = np.mean([row["inside"] for row in rows if number_format in (row["format"], "both")])
        print(f"{number_format}: {len(errors)} models, median error {np.median(errors):.1%}, worst {errors.max():.1%}, "
              f"{np.mean(errors <= WITHIN):.0%} within {WITHIN:.0%}, {inside:.0%} inside their interval")  # fmt: skip
    print(f"probes took {found.seconds:.0f} s")


def met(seconds: float, errors: list[float]) -> bool:
    sizes = np.abs(errors)
    return seconds <= SECONDS and np.median(sizes) <= MEDIAN and np.mean(sizes <= WITHIN) >= SHARE


if __name__ == "__main__":
    sys.exit(main())
