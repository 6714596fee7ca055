"""A network before it is trained: its work, sizes and whether an Edge TPU would run it. Runs in a worker."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Mapping
from typing import Any

from edgecnn.core.errors import EdgecnnError, WeightsError
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.record import Network

_SIDE_BATCH = 4  # images of noise that settle the batch norms of a pruned network


def appraise(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A `Network` as JSON values.

    Args:
        payload: "candidate" (JSON values), "classes", "seed".

    Raises:
        WeightsError: its pretrained weights can't be had now.
    """
    from edgecnn.core.compat.tensorflow import keras

    candidate, started = Candidate.from_dict(payload["candidate"]), time.monotonic()
    try:
        found = _appraised(candidate, payload["classes"], payload["seed"])
        return dataclasses.replace(found, wall_s=round(time.monotonic() - started, 3)).to_dict()
    except WeightsError:
        raise
    except EdgecnnError as error:
        return Network({}, {}, error=str(error)).to_dict()
    finally:
        keras.backend.clear_session()
        gc.collect()


def _appraised(candidate: Candidate, classes: int, seed: int) -> Network:
    from edgecnn.builder import build_model
    from edgecnn.estimation.work import totals, work_of
    from edgecnn.float_model.loading import TraceableModel
    from edgecnn.float_model.traced import FloatModel
    from edgecnn.graph import tflite_network
    from edgecnn.graph.activations import activations
    from edgecnn.quantization.scheme import quantize_with_ranges
    from edgecnn.runtime.model.tflite import parse
    from edgecnn.targets import check

    model, contract = build_model(candidate.architecture, **candidate.build_settings(classes, seed))
    model = model if candidate.keep == 1 else _pruned(model, contract, candidate.keep)
    float32 = FloatModel.trace(TraceableModel(lambda image: model(image, training=False), contract)).float32
    graph = parse(float32).graph
    ranges = dict.fromkeys((*graph.inputs, *activations(graph)), (-1.0, 1.0))  # they change neither size nor work
    int8 = quantize_with_ranges(float32, ranges, "uint8", per_channel=True)
    report = check(parse(int8), "edgetpu", candidate.architecture)
    refusal = report.first_refusal
    sizes = {
        "int8": len(int8),
        "int8_per_tensor": len(int8),
        "float32": len(float32),
        "float16": len(float32) - 2 * model.count_params(),
    }
    works = work_of(tflite_network.read(parse(float32), candidate.architecture))
    return Network(sizes, totals(works)["float32"], "" if refusal is None else f"{refusal.type}: {refusal.reason}")


def _pruned(model: Any, contract: Any, keep: float) -> Any:
    """The same share of multiply-accumulates, by the size of the weights."""
    import numpy as np

    from edgecnn.compression.channel_pruning import pruned
    from edgecnn.compression.job import Job
    from edgecnn.compression.methods.channels import Options

    noise = np.random.default_rng(0).normal(size=(_SIDE_BATCH, *model.input_shape[1:])).astype(np.float32)
    job = Job(model, contract, [(noise, np.zeros(_SIDE_BATCH, int))], lambda model, callbacks=(): model, 0)
    defaults = Options(keep=keep)
    return pruned(job, keep=keep, cost="macs", criterion="l1", floor=defaults.floor, rounds=1, divisor=defaults.divisor)
