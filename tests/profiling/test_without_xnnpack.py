"""A model that XNNPACK takes and can't prepare still runs, and the profile says how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from small_graphs import Graph

from edgecnn.graph.cut import cut
from edgecnn.profiling import profile
from edgecnn.profiling.text import remarks
from edgecnn.runtime.measure import per_op
from edgecnn.runtime.measure.latency import Plan
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.interpreter import open_interpreter, without_xnnpack


@pytest.fixture(scope="module")
def resized() -> bytes:
    """A convolution and a RESIZE_BILINEAR whose output has another scale, as old converters wrote it."""
    made = Graph()
    image = made.tensor("image", (1, 8, 8, 3), "u1", (0.02,))
    first = made.conv("first", image, 4, dtype="u1")
    size = made.tensor("size", (2,), "i4", values=[16, 16])
    wide = made.tensor("wide", (1, 16, 16, 4), "u1", (0.11,))
    made.operator("RESIZE_BILINEAR", [first, size], [wide], schema.ResizeBilinearOptionsT(), 3)
    return made.build([image], [wide])


def test_it_gives_what_the_runtimes_own_kernels_give(resized: bytes) -> None:
    with pytest.raises(RuntimeError, match="XNNPack"):
        Interpreter(model_content=resized).allocate_tensors()
    plain = Interpreter(
        model_content=resized, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    plain.allocate_tensors()
    ours = open_interpreter(resized)
    assert without_xnnpack(ours)
    given = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    answers = []
    for interpreter in (plain, ours):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert np.array_equal(*answers) and np.ptp(answers[0]) > 0


def test_the_profile_says_so(resized: bytes, tmp_path: Path, tiny_int8: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(resized)
    measured = profile(tmp_path / "m.tflite", threads=1, runs=2, warmup=1)
    assert measured.rows[0].measurement.without_xnnpack
    assert any("XNNPACK can't prepare m.tflite" in line for line in remarks([measured]))
    ordinary = profile(tiny_int8, threads=1, runs=2, warmup=1)
    assert not ordinary.rows[0].measurement.without_xnnpack
    assert not any("XNNPACK" in line for line in remarks([ordinary]))


def test_operators_that_xnnpack_can_run_are_timed_too(resized: bytes) -> None:
    file = model_file.any_from_bytes(resized)
    times = per_op.measure(file, cut(file), Plan("cpu", 1, 2, 1, 1.0))
    assert [row["kernel"] for row in times["operators"]] == ["built-in", "built-in"]
    assert times["operators"][0]["ms"] > 0
