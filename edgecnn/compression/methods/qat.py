"""Quantization-aware training: the weights adapt to int8 quantization (arXiv:1712.05877, section 3).

TFMOT's recipe as documented destroys a pretrained model: every range starts at +-6 and takes thousands of steps to
move. Here activation ranges start at what the float model's activations hold, and kernel ranges at what the kernels
hold; batch norms keep their statistics from the start, as TFLite folds them. Training begins where calibration ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.compression.job import Job, Outcome
from edgecnn.core.options import Settings
from edgecnn.training.settings import FitSettings

DEFAULTS = FitSettings(
    epochs=2, learning_rate=1e-4, backbone_learning_rate=1e-4, label_smoothing=0.0, weight_decay=0.0, augment="flip"
)


@dataclass(frozen=True)
class Options(Settings):
    """Nothing to choose."""


def compress(job: Job, options: Options) -> Outcome:
    """Train the fake-quantized copy; zeros and clusters of the weights are kept (PQAT, CQAT, PCQAT).

    Raises:
        QuantizationError: a layer has no known counterpart in int8.
    """
    from edgecnn.compression.structure import KeepStructure  # these need NumPy and TensorFlow
    from edgecnn.quantization import aware
    from edgecnn.training.qat.emulation import Emulation

    job.progress("Wrapping layers", 0, 0)
    emulation = Emulation.of(job.model)
    emulation.set_ranges(emulation.observed(job.contract.preprocessing, job.batches))
    for layer in emulation.model.layers:
        layer.trainable = not _is_batch_norm(layer)
    structure = KeepStructure(emulation)
    job.train(emulation.model, (structure,))
    emulation.settle_kernels()
    model = emulation.trained()
    return Outcome(model, {"method": "qat", "preserved": structure.account()}, aware.record(emulation, model))


def _is_batch_norm(layer: Any) -> bool:
    return type(getattr(layer, "layer", layer)).__name__ == "BatchNormalization"
