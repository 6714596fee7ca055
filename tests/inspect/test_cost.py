import os
from pathlib import Path

import pytest

from edgecnn.inspect import cost
from edgecnn.runtime import tflite


@pytest.mark.parametrize(
    ("name", "macs_m", "parameters_m"),
    [
        # TF-slim's model tables (research/slim/nets/mobilenet_v1.md and mobilenet/README.md)
        ("mobilenet_v2_1.0_224_quant", 300, 3.47),
        ("mobilenet_v1_0.25_128_quant", 14, 0.47),
    ],
)
def test_coral_mobilenets_cost_what_their_authors_published(name, macs_m, parameters_m):
    if "EDGECNN_SHARED" not in os.environ:
        pytest.skip("EDGECNN_SHARED is not set: Coral's models are not at hand")
    data = (Path(os.environ["EDGECNN_SHARED"]) / "data" / "coral" / f"{name}.tflite").read_bytes()
    graph = tflite.parse(data).graph
    assert cost.total_macs(graph) / 1e6 == pytest.approx(macs_m, abs=0.8)
    parameters, parameter_bytes = cost.total_parameters(graph)
    assert parameters / 1e6 == pytest.approx(parameters_m, rel=0.01)
    assert parameters < parameter_bytes < 1.05 * parameters  # int8 weights, int32 biases
