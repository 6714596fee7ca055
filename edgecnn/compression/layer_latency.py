"""Measured milliseconds of each layer by itself, on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph import keras_macs
from edgecnn.runtime.process.lock import measuring
from edgecnn.runtime.run.interpreter import open_interpreter

WARMUP, RUNS = 3, 20
WAIT_S = 600.0


def measured_ms(model: Any, done: Callable[[int, int], None] = lambda count, total: None) -> dict[str, float]:
    """Layer name -> median of its float32 time on one thread, for every layer that multiplies.

    A depthwise convolution takes several times longer for a multiply-accumulate than a 1x1 convolution: that is what
    measuring knows and counting doesn't.
    """
    layers = [model.get_layer(name) for name in keras_macs.per_layer(model)]
    known: dict[str, float] = {}
    with measuring(WAIT_S):
        for index, layer in enumerate(layers):
            key = _key(layer)
            if key not in known:
                known[key] = _time_ms(layer)
            done(index + 1, len(layers))
    return {layer.name: known[_key(layer)] for layer in layers}


def _key(layer: Any) -> str:
    """Layers of the same shape take the same time."""
    kernel = [tuple(weight.shape) for weight in layer.weights]
    return f"{type(layer).__name__} {layer.input_shape} {kernel} {getattr(layer, 'strides', '')}"


def _time_ms(layer: Any) -> float:
    shape = tuple(layer.input_shape[1:])
    picture = keras.Input(shape)
    single = keras.Model(picture, type(layer).from_config(layer.get_config())(picture))
    interpreter = open_interpreter(FloatModel.of(single, shape).float32)
    values = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    for _ in range(WARMUP):
        interpreter.invoke()
    return statistics.median(_once_ms(interpreter) for _ in range(RUNS))


def _once_ms(interpreter: Any) -> float:
    start = time.perf_counter()
    interpreter.invoke()
    return (time.perf_counter() - start) * 1000
