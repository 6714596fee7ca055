"""Ridge regression (Hoerl and Kennard 1970): heads on random features, so that top-1 means something. NumPy only."""

from __future__ import annotations

import numpy as np

_RIDGE = 1e-2  # of the features' mean square
_RIGHT = 10.0


def fitted(features: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (classes, features) and bias (classes,) of logits: 10 for the right class, 0 for the others."""
    mean, wanted = features.mean(axis=0), _RIGHT * np.eye(classes)[labels]
    centered = (features - mean).astype(np.float64)
    gram = centered.T @ centered / len(features)
    gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram, centered.T @ (wanted - wanted.mean(axis=0)) / len(features)).T
    return weights, wanted.mean(axis=0) - weights @ mean
