"""Damaged and hostile `.tflite` files: one sentence, in bounded time, and never the death of a command."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tiny_models
from ai_edge_litert import schema_py_generated as schema
from requirements import SHARED
from small_graphs import Graph

from edgecnn import artifact
from edgecnn.core.errors import CrashError, ModelFileError
from edgecnn.data import open_data
from edgecnn.inspection.analysis import analyze
from edgecnn.inspection.opening import open_model
from edgecnn.runtime.model import model_file, tflite
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Interface
from edgecnn.runtime.run.program import TensorInfo
from edgecnn.verification.doctor import diagnose

HOSTILE = SHARED.parent / "cases" / "hostile"
EDGE = 16 << 10
needs_cases = pytest.mark.skipif(not HOSTILE.is_dir(), reason="needs EDGECNN_SHARED")


def test_single_flipped_bits_are_refused_or_change_nothing(tiny_int8: Path) -> None:
    data = tiny_int8.read_bytes()
    contract = model_file.from_bytes(data).contract
    assert contract.labels or contract.golden
    draw, refused = random.Random(7), 0
    places = [draw.randrange(8 * EDGE) for _ in range(300)]
    places += [8 * (len(data) - EDGE) + draw.randrange(8 * EDGE) for _ in range(100)]
    for place in places:
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        try:
            found = model_file.from_bytes(bytes(damaged))
        except ModelFileError:
            refused += 1
        else:
            assert found.sealed and found.contract == contract, place
    assert refused == len(places)


@needs_cases
def test_a_file_whose_contract_lost_its_name_is_no_file_by_others() -> None:
    with pytest.raises(ModelFileError, match="the edgecnn contract inside it can't be located"):
        model_file.read(HOSTILE / "digest_hole.tflite")


@needs_cases
@pytest.mark.parametrize(
    "command",
    [
        "verify SEGV --against REF --data photos --samples 4",
        "verify REF --against SEGV --data photos --samples 4",
        "classify SEGV PNG",
        "visualize SEGV PNG -o OUT",
        "demo SEGV --source PNG --headless",
        "profile SEGV --runs 5",
    ],
)
def test_a_sealed_model_that_crashes_the_runtime_crashes_no_command(
    command: str, tmp_path: Path, picture_folder: Path
) -> None:
    picture = next(path for path in picture_folder.rglob("*") if path.is_file())
    places = {"SEGV": HOSTILE / "verify_segv.tflite", "REF": HOSTILE / "ref.tflite", "OUT": tmp_path / "out.html"}
    words = [str({**places, "PNG": picture}.get(word, word)) for word in command.split()]
    done = subprocess.run([sys.executable, "-m", "edgecnn", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "Error: The TFLite runtime crashed on this model" in done.stderr and "Traceback" not in done.stderr


@needs_cases
def test_the_doctor_tries_a_sealed_model_out_first() -> None:
    with pytest.raises(CrashError, match="SIGSEGV"):
        diagnose(model_file.read(HOSTILE / "verify_segv.tflite"), "none.keras", open_data("photos"))


def _shared_tables(count: int) -> bytes:
    """A model of `count` graphs that are one, of `count` tensors that are one."""
    builder = flatbuffers.Builder(1024)
    schema.BufferStart(builder)
    buffer = schema.BufferEnd(builder)
    schema.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(buffer)
    buffers = builder.EndVector()
    schema.TensorStart(builder)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, count)
    for _ in range(count):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, count)
    for _ in range(count):
        builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddBuffers(builder, buffers)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def test_tables_that_share_others_are_read_in_proportion_to_the_file() -> None:
    data = _shared_tables(30_000)  # 900 million tensors in 240 kB
    with pytest.raises(ModelFileError, match="overlap so much"):
        tflite.parse(data)


@needs_cases
def test_shared_tables_of_others() -> None:
    with pytest.raises(ModelFileError, match="overlap so much"):
        model_file.read(HOSTILE / "amplify_3000_3000.tflite")


def _spoiled(change) -> bytes:  # type: ignore[no-untyped-def]
    made = Graph()
    picture = made.tensor("picture", (1, 8, 8, 3))
    answer = made.conv("conv", picture, 4)
    change(made.graph)
    return made.build([picture], [answer])


def _shape(number: int, shape: list[int]):  # type: ignore[no-untyped-def]
    return lambda graph: setattr(graph.tensors[number], "shape", shape)


def _inputs(numbers: list[int]):  # type: ignore[no-untyped-def]
    return lambda graph: setattr(graph.operators[0], "inputs", numbers)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_shape(0, [8, 8, 3]), r"operator 0, CONV_2D, has a tensor of shape \[8, 8, 3\]; expected 4 dimensions"),
        (_shape(1, [12]), r"has a tensor of shape \[12\]; expected 4"),
        (_shape(1, []), r"has a tensor of shape \[\]; expected 4"),
        (_shape(3, [1] * 40), "has a tensor of shape .* and 32 more; expected 4"),
        (_shape(0, [1, -8, 8, 3]), "tensor 0 has the shape"),
        (_shape(0, [1, 1 << 30, 1 << 30, 3]), "tensor 0 has the shape"),
        (_inputs([0]), "CONV_2D, lacks an input"),
        (_inputs([]), "CONV_2D, lacks an input"),
        (_inputs([0, -1, 2]), "CONV_2D, lacks an input"),
        (_inputs([0, 77, 2]), "refers to a tensor that does not exist"),
        (_inputs([0, -2, 2]), "refers to a tensor that does not exist"),
        (lambda graph: setattr(graph.operators[0], "outputs", []), "CONV_2D, lacks an input or an output"),
    ],
)
def test_graphs_that_can_not_be(change, said: str) -> None:  # type: ignore[no-untyped-def]
    tflite.parse(_spoiled(lambda graph: None))
    with pytest.raises(ModelFileError, match=rf"^bad\.tflite: the file is damaged: .*{said}"):
        tflite.parse(_spoiled(change), "bad.tflite")


def test_a_computed_tensor_may_lack_its_shape() -> None:
    assert tflite.parse(_spoiled(_shape(3, []))).graph.tensors[3].shape == ()


def test_a_convolution_of_a_constant_can_be_inspected(tmp_path: Path) -> None:
    path = tmp_path / "constant.tflite"
    made = Graph()
    picture = made.tensor("picture", (1, 8, 8, 3))
    constant = made.constant("constant", (1, 8, 8, 3))
    path.write_bytes(made.build([picture], [made.conv("conv", constant, 4, kernel=3), made.conv("own", picture, 4)]))
    assert len(analyze(open_model(str(path)).network).network.layers) == 2


def test_what_the_runtime_says_while_it_runs_is_an_error_of_the_model() -> None:
    made = Graph()
    picture = made.tensor("picture", (1, 8, 8, 3))
    index = made.tensor("index", (1,), "i4", values=[99])
    row, answer = made.tensor("row", (1, 1, 8, 3)), made.tensor("answer", (1, 3))
    options = schema.GatherOptionsT()
    options.axis = 1
    made.operator("GATHER", [picture, index], [row], options)
    axes = made.tensor("axes", (2,), "i4", values=[1, 2])
    made.operator("MEAN", [row, axes], [answer], schema.ReducerOptionsT())
    contract = Contract(Preprocessing(8, 8, crop=1.0), output="logits")
    file = model_file.from_bytes(artifact.seal(made.build([picture], [answer]), contract), "gather.tflite")
    with pytest.raises(ModelFileError, match=r"gather\.tflite: the TFLite runtime can't run it"):
        guard.try_out(file)
    assert guard.try_out(tiny_models.classifier()) is None


def test_only_integers_are_quantized() -> None:
    """A scale on an input of another type is ignored; a type that images don't have is refused."""
    file = tiny_models.classifier()
    shape = Interface(file).input.shape
    assert Interface(file, TensorInfo(0, shape, np.dtype(np.float32), 0.5, 3)).input.scale == 0
    for dtype in (np.complex64, np.bool_):
        with pytest.raises(ModelFileError, match=r"the model's input has the type (complex64|bool); expected a float"):
            Interface(file, TensorInfo(0, shape, np.dtype(dtype), 0.5, 3))
