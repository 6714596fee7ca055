"""Full integer: int8 weights per output channel and int8 activations (Jacob et al. 2018; Krishnamoorthi 2018, 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.errors import QuantizationError, UsageError
from edgecnn.quantization.scheme import Job, Scheme, quantize_with_ranges

SUMMARY = "int8 weights (per channel) and activations: CPUs, Edge TPU"
IO = ("uint8", "int8", "float32")
CALIBRATED = True
INTEGER = True
IMPROVE = "fast"  # level of `edgecnn.quantization.remedies`, unless another is asked for


def convert(job: Job) -> bytes:
    """See `edgecnn.quantization.scheme.Job`. After quantization-aware training, with the ranges of the training.

    Raises:
        QuantizationError: an improvement was asked for, which that training leaves no room for.
    """
    if job.aware is not None or job.model.is_quantization_aware:
        if job.improve not in (None, "none"):
            raise QuantizationError(
                "The model was trained with QAT, which fixes its weights and activation ranges. Remove --improve "
                f"{job.improve}, which is for models trained without QAT."
            )
        job.notes["qat"] = True
        return job.aware.convert(job.io, job.inputs()) if job.aware else job.model.with_own_ranges(job.io)
    return quantize_with_ranges(*job.prepare(True), job.io, per_channel=True)


@dataclass(frozen=True)
class Variant(Scheme):
    """The scheme with a single remedy: for the ladder."""

    name: str
    SUMMARY: str = SUMMARY
    IO: tuple[str, ...] = IO
    CALIBRATED: bool = CALIBRATED
    INTEGER: bool = INTEGER
    IMPROVE: str | None = "none"

    def convert(self, job: Job) -> bytes:
        """See `edgecnn.quantization.scheme.Job`."""
        from edgecnn.quantization.int8_variants import VARIANTS

        return VARIANTS[self.name](job)


def configured(argument: str) -> Variant:
    """The scheme for `int8:ranges` or `int8:equalized`."""
    from edgecnn.quantization.int8_variants import VARIANTS

    if argument not in VARIANTS:
        raise UsageError(
            f"There is no variant int8:{argument}. Choose one of: {', '.join(f'int8:{name}' for name in VARIANTS)}."
        )
    return Variant(argument)
