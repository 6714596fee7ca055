"""Layer by layer: how much noise has gathered, and how much of it this layer adds by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.core.progress import Progress, silent
from edgecnn.graph.simulation import Pair, Simulation
from edgecnn.runtime.model.validation import Record


@dataclass(frozen=True)
class LayerNoise(Record):
    """One operator.

    Attributes:
        number: in execution order.
        operator: its kind.
        layer: the Keras layer's name, as far as the tensor's name tells.
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


def layer_noise(simulation: Simulation, names: Sequence[str] = (), progress: Progress = silent) -> list[LayerNoise]:
    """All operators, in execution order.

    Args:
        simulation: of the artifact and its float model.
        names: the Keras model's layer names.
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
            layer=layer_name(pair, names),
            **_distance(simulation.exact[pair.output], simulation.noisy[pair.output]),
            alone_snr_db=alone[pair.number],
            all_but_snr_db=all_but[pair.number],
            share_percent=round(float(shares[pair.number]), 2),
        )
        for pair in simulation.pairs
    ]


def layer_name(pair: Pair, names: Sequence[str]) -> str:
    """The Keras layer that an operator was made from: the first that its tensor's name mentions."""
    parts = [part for path in f"{pair.name};{pair.weights_name}".split(";") for part in path.split("/")]
    known = set(names)
    return next((part for part in parts if part in known), parts[1] if len(parts) > 1 else pair.name)


def _distance(exact: np.ndarray, noisy: np.ndarray) -> dict[str, float]:
    a, b = exact.astype(np.float64).ravel(), noisy.astype(np.float64).ravel()
    signal, noise = float(a @ a), float(((a - b) ** 2).sum())
    lengths = math.sqrt(signal * float(b @ b))
    snr_db = 120.0 if noise == 0 else 10 * math.log10(max(signal, 1e-30) / noise)
    return {"snr_db": round(min(snr_db, 120.0), 2), "cosine": round(float(a @ b) / lengths, 5) if lengths else 0.0}
