"""Layer by layer: the accumulated noise, and the noise that the layer adds by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgecnn.core.progress import Progress, silent
from edgecnn.core.statistics import sqnr_db
from edgecnn.graph.simulation import Simulation
from edgecnn.runtime.model.validation import Record


@dataclass(frozen=True)
class LayerNoise(Record):
    """One operator.

    Attributes:
        number: in execution order.
        operator: its kind.
        layer: the Keras layer's name, as far as the tensors' names tell.
        snr_db: of its output in the artifact, all earlier noise included.
        cosine: of its output with the float network's.
        alone_snr_db: of the *logits* when only this operator is int8; the lower, the more it is to blame.
        all_but_snr_db: of the logits when everything but this operator is int8.
        share_percent: its share of the sum of all operators' own noise.
    """

    number: int
    operator: str
    layer: str
    snr_db: float
    cosine: float
    alone_snr_db: float
    all_but_snr_db: float
    share_percent: float


def layer_noise(simulation: Simulation, progress: Progress = silent) -> list[LayerNoise]:
    """All operators, in execution order.

    Args:
        simulation: of the artifact and its float model.
        progress: called with (stage, done, total).
    """
    total = len(simulation.pairs)
    alone, all_but = [], []
    for number in range(total):
        progress("Quantizing one layer at a time", number, total)
        alone.append(simulation.snr_db(simulation.alone(number)))
        all_but.append(simulation.snr_db(simulation.all_but(number)))
    progress("Quantizing one layer at a time", total, total)
    noise = np.power(10.0, -np.asarray(alone) / 10)
    shares = 100 * noise / noise.sum()
    return [
        LayerNoise(
            number=pair.number,
            operator=simulation.network.graph.operators[pair.number].name,
            layer=pair.layer_name,
            **_distance(simulation.exact[pair.output], simulation.noisy[pair.output]),
            alone_snr_db=alone[pair.number],
            all_but_snr_db=all_but[pair.number],
            share_percent=round(float(shares[pair.number]), 2),
        )
        for pair in simulation.pairs
    ]


def _distance(exact: np.ndarray, noisy: np.ndarray) -> dict[str, float]:
    a, b = exact.astype(np.float64).ravel(), noisy.astype(np.float64).ravel()
    lengths = math.sqrt(float(a @ a) * float(b @ b))
    return {"snr_db": sqnr_db(a, b), "cosine": round(float(a @ b) / lengths, 5) if lengths else 0.0}
