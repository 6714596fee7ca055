"""Bias correction: restores each channel's mean output.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, section 4.2. The bias has
32 bits, so a mean can be restored exactly. Layer by layer and in order: all at once, from mean errors at the layers'
outputs, made Lite0 worse (88.6 to 87.8 %), because later layers then correct again what earlier ones did already.
"""

from __future__ import annotations

import numpy as np

_FEW = 0.02  # share of active places under which a channel's mean is trusted less


def from_inputs(old: np.ndarray, new: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """What to add to the bias, (output channels,), for the change of the weights alone.

    Args:
        old: (groups, output channels, columns).
        new: the same shape, rounded.
        mean: (groups, columns), of the layer's inputs.
    """
    result: np.ndarray = ((old - new) @ mean[:, :, None]).reshape(-1)
    return result


def from_outputs(reference: np.ndarray, quantized: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """What to add to the bias, (output channels,), so that the mean over images and places is the reference's.

    Only places count where the activation lets changes through. Most outputs of a ReLU are far below 0, and their
    errors say nothing about the others': with all places, Lite0 loses 2 dB instead of gaining.

    Args:
        reference: float network's outputs before the activation, (images, ..., output channels).
        quantized: the quantized network's, of the same shape.
        limits: what the activation clips to.
    """
    axes = tuple(range(reference.ndim - 1))
    active = (reference > limits[0]) & (reference < limits[1])
    total = ((reference - quantized) * active).sum(axes, dtype=np.float64)
    places = reference.size / reference.shape[-1]
    result: np.ndarray = total / np.maximum(active.sum(axes), _FEW * places)
    return result
