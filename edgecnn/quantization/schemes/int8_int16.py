"""int8, with int16 activations around the few layers that lose most: for CPUs that compute with integers only.

As accurate as `int8_mixed`, which keeps the same layers in float, and not larger than int8. But LiteRT's kernels for
int16 are plain C++: where there is a floating point unit, float is many times faster.
"""

from __future__ import annotations

from edgecnn.core.errors import QuantizationError
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.graph.operator_kinds import WEIGHTED
from edgecnn.quantization import mixed_precision
from edgecnn.quantization.int16 import SUPPORTED, with_int16
from edgecnn.quantization.scheme import Job, quantize_with_ranges

SUMMARY = "int8, but int16 around the noisiest layers: slow"
IO = ("uint8", "int8")
CALIBRATED = True
INTEGER = True
IMPROVE = "fast"  # level of `edgecnn.quantization.remedies`, unless another is asked for


def convert(job: Job) -> bytes:
    """See `edgecnn.quantization.scheme.Job`.

    Raises:
        QuantizationError: there is no kernel for int16 around any of the layers.
    """
    model, ranges = job.prepare(True)
    graph = quantize_with_ranges(model, ranges, job.io, per_channel=True)
    numbers = mixed_precision.noisiest(job, model, graph, _has_kernel)
    if not numbers:
        raise QuantizationError(
            "No activation of the model can have 16 bits: LiteRT has 16-bit kernels only for "
            f"{', '.join(SUPPORTED)}, and both the producer and the consumers of an activation must be among "
            "them. Use --scheme int8_mixed."
        )
    job.notes["int16_layers"] = mixed_precision.outputs(model, numbers)
    at = mixed_precision.places(graph)
    return with_int16(graph, [at[number] for number in numbers])


def _has_kernel(network: FloatGraph, number: int) -> bool:
    operator = network.graph.operators[number]
    if operator.name in WEIGHTED:
        return number in network.layers
    return operator.name in SUPPORTED and len(network.variable_inputs(number)) == len(operator.inputs)
