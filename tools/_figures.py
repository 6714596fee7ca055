"""Measure every variant and write edgecnn/models/figures.json, which `edgecnn models` shows without TensorFlow.

Usage: tools/figures [NAME...]      (without names: all variants; takes a few minutes)

Parameters and multiply-accumulates come from the Keras graph at the paper's input size. The two file sizes are those of
really converted .tflite files; the int8 one has made-up activation ranges, which don't change its size.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.files import write_json
from edgecnn.float_model.loading import TraceableModel
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph import keras_macs
from edgecnn.graph.ranges import activations
from edgecnn.models import variants
from edgecnn.quantization.scheme import quantize_with_ranges
from edgecnn.runtime.model.tflite import parse

FIGURES = Path(__file__).parent.parent / "edgecnn" / "models" / "figures.json"


def main(names: list[str]) -> None:
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in names or variants():
        known[name] = measure(name)
        print(name, known[name], flush=True)
        write_json(FIGURES, {name: known[name] for name in sorted(known) if name in variants()})


def measure(name: str) -> dict[str, int]:
    counted, traced = count_and_trace(name)
    # VGG's weights are half a gigabyte, in each of the many forms that they take on the way.
    keras.backend.clear_session()
    gc.collect()
    float32 = traced.float32
    del traced
    gc.collect()
    graph = parse(float32).graph
    ranges = dict.fromkeys((*graph.inputs, *activations(graph)), (-1.0, 1.0))
    int8 = quantize_with_ranges(float32, ranges, "uint8", per_channel=True)
    return {**counted, "float32_bytes": len(float32), "int8_bytes": len(int8)}


def count_and_trace(name: str) -> tuple[dict[str, int], FloatModel]:
    model, contract = build_model(name)
    counted = {"parameters": model.count_params(), "macs": keras_macs.total(model)}
    return counted, FloatModel.trace(TraceableModel(lambda image: model(image, training=False), contract))


if __name__ == "__main__":
    main(sys.argv[1:])
