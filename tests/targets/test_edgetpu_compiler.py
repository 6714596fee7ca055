"""The compiler itself is not to be had here: a double stands in for it, a script that replays logs of real runs."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from small_graphs import Graph

from edgecnn import artifact, targets
from edgecnn.core.errors import CompilerError
from edgecnn.runtime.model import model_file, tflite
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine
from edgecnn.targets import edgetpu_compiler as compiler
from edgecnn.targets.edgetpu_rules import UNSPECIFIED
from edgecnn.targets.model import as_target_model, read

# The shape of version 16's output, as users have posted it.
MAPPED_LOG = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 63 ms.

Input model: model.tflite
Input size: 3.41MiB
Output model: model_edgetpu.tflite
Output size: 3.88MiB
On-chip memory used for caching model parameters: 3.33MiB
On-chip memory remaining for caching model parameters: 4.36MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 4
Operation log: model_edgetpu.log

Operator                       Count      Status

CONV_2D                        3          Mapped to Edge TPU
ADD                            1          Mapped to Edge TPU
Compilation child process completed within timeout period.
Compilation succeeded!
"""
PARTIAL_LOG = f"""Edge TPU Compiler version 16.0.384591198
Model compiled successfully in 577 ms.
On-chip memory used for caching model parameters: 3.00KiB
On-chip memory remaining for caching model parameters: 7.67MiB
Off-chip memory used for streaming uncached model parameters: 1.50MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 36

Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: 2
Number of operations that will run on CPU: 34

Operator                       Count      Status

MAX_POOL_2D                    6          More than one subgraph is not supported
QUANTIZE                       2          {UNSPECIFIED}
QUANTIZE                       1          Mapped to Edge TPU
CONV_2D                        1          Mapped to Edge TPU
CONV_2D                        14         More than one subgraph is not supported
RESIZE_NEAREST_NEIGHBOR        1          Operation version not supported
LEAKY_RELU                     11         Operation not supported
"""
FAILED_LOG = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'.
ERROR: Registration failed.
Compilation failed!
"""

_DOUBLE = """#!{python}
# A test double of edgetpu_compiler: replays a log, and writes a file that was given to it. It compiles nothing.
import json, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
source = pathlib.Path(sys.argv[-1])
here = pathlib.Path(__file__).parent
(here / "arguments.json").write_text(json.dumps(sys.argv[1:]))
(here / "received.tflite").write_bytes(source.read_bytes())
log = (here / "log.txt").read_text()
if (here / "log_to_file").exists():
    (folder / (source.stem + "_edgetpu.log")).write_text(log)
else:
    print(log)
if "failed" in log:
    sys.exit(1)
(folder / (source.stem + "_edgetpu.tflite")).write_bytes((here / "compiled.tflite").read_bytes())
"""


def _compiled():
    """What a compiled model looks like: one custom operator."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 8, 8, 3), "u1", (1 / 127.5,))
    output = graph.tensor("scores", (1, 4), "u1", (1 / 256,))
    graph.operator("CUSTOM", [picture], [output])
    graph.model.operatorCodes[0].customCode = "edgetpu-custom-op"
    return graph.build([picture], [output])


@pytest.fixture
def double(tmp_path, monkeypatch):
    """Puts the double on PATH; returns its folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "edgetpu_compiler"
    program.write_text(_DOUBLE.format(python=sys.executable))
    program.chmod(0o755)
    (folder / "log.txt").write_text(MAPPED_LOG)
    (folder / "compiled.tflite").write_bytes(_compiled())
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def _classifier(version=1):
    graph = Graph()
    picture = graph.tensor("picture", (1, 8, 8, 3), scale=(1 / 127.5,))
    body = graph.conv("stem", picture, 8, 3, version=version)
    head = graph.conv("head", body, 4, version=version)
    flat, shape = graph.tensor("scores", (1, 256)), graph.tensor("shape", (2,), "i4", values=[1, 256])
    graph.operator("RESHAPE", [head, shape], [flat])
    return graph.build([picture], [flat])


@pytest.fixture
def sealed(tmp_path):
    """An int8 artifact with a contract and golden vectors."""
    contract = Contract(Preprocessing(8, 8), labels=tuple(f"class {number}" for number in range(256)))
    file = artifact.write(tmp_path / "small.tflite", _classifier(), contract)
    vectors = golden.make(Engine(file, threads=1))
    return artifact.rewrite(tmp_path / "small.tflite", file, contract.replace(golden=vectors))


def test_the_contract_and_the_golden_vectors_stay_in_the_compiled_file(double, sealed, tmp_path):
    report = targets.compile(sealed, tmp_path / "out" / "small_edgetpu.tflite")
    written = model_file.read(tmp_path / "out" / "small_edgetpu.tflite")
    assert written.sealed and artifact.graph_bytes(written) == _compiled()
    assert written.contract.labels == sealed.contract.labels
    assert written.contract.golden == sealed.contract.golden
    assert written.contract.preprocessing == sealed.contract.preprocessing
    record = written.contract.provenance.extra["edgetpu"]
    assert record["compiler"] == "Edge TPU Compiler version 16.0.384591198"
    assert record["compiled_from_sha256"] == sealed.sha256
    assert report.maps_entirely and report.total == 4
    assert (double / "received.tflite").read_bytes() == artifact.graph_bytes(sealed)
    assert json.loads((double / "arguments.json").read_text())[0] == "-s"


def test_a_model_without_a_contract_is_compiled_as_it_is(double, tmp_path):
    file = model_file.from_bytes(_classifier(), "other.tflite")
    targets.compile(file, tmp_path / "out.tflite")
    assert (tmp_path / "out.tflite").read_bytes() == _compiled()


def test_a_log_in_a_file_is_read_too(double, sealed, tmp_path):
    (double / "log_to_file").touch()
    assert targets.compile(sealed, tmp_path / "out.tflite").total == 4


def test_the_compilers_memory_is_no_estimate():
    memory = compiler.read_log(MAPPED_LOG).memory
    assert not memory.estimated and memory.streamed_bytes == 0
    assert memory.on_chip_bytes == int(3.33 * 2**20)


def test_a_partial_log_becomes_the_same_table():
    report = compiler.read_log(PARTIAL_LOG, "yolo")
    assert (report.mapped, report.total) == (2, 36)
    assert report.first_refusal.type == "MAX_POOL_2D" and not report.maps_entirely
    assert {row.type: row.count for row in report.operators if row.status == "Operation not supported"} == {
        "LEAKY_RELU": 11
    }
    assert report.memory.streamed_bytes == int(1.5 * 2**20) and "every inference" in report.memory.note


def test_a_failing_compiler_is_quoted_and_nothing_is_written(double, sealed, tmp_path):
    (double / "log.txt").write_text(FAILED_LOG)
    with pytest.raises(CompilerError, match="CONV_2D' version '6'"):
        targets.compile(sealed, tmp_path / "out.tflite")
    assert not (tmp_path / "out.tflite").exists()


def test_a_compiler_without_a_table_is_an_error(double, sealed, tmp_path):
    (double / "log.txt").write_text("Edge TPU Compiler version 16.0.384591198\n")
    with pytest.raises(CompilerError, match="no table of operators"):
        targets.compile(sealed, tmp_path / "out.tflite")


def test_without_the_compiler_the_error_names_the_rules(sealed, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompilerError, match=r"not on PATH.*x86-64.*edgecnn inspect"):
        targets.compile(sealed, tmp_path / "out.tflite")


def _float_model():
    graph = Graph()
    picture = graph.tensor("picture", (1, 8, 8, 3), "f4")
    return graph.build([picture], [graph.conv("stem", picture, 4, dtype="f4")])


def test_the_rules_warn_and_the_compiler_decides(double, tmp_path):
    """A float model of which the rules expect nothing is compiled all the same, and the difference is said."""
    file = model_file.any_from_bytes(_float_model(), "float.tflite")
    (line,) = targets.expectation(file.model, name=file.name)
    assert "nothing of float.tflite" in line and "FLOAT32" in line and "--scheme int8" in line
    report = targets.compile(file, tmp_path / "out.tflite")
    assert report.maps_entirely and (tmp_path / "out.tflite").exists()
    assert any("predicted 0 operators on the Edge TPU" in note for note in report.notes)


def test_the_command_says_what_the_rules_expect_and_goes_on(double, tmp_path):
    (tmp_path / "float.tflite").write_bytes(_float_model())
    command = [sys.executable, "-m", "edgecnn", "compile", str(tmp_path / "float.tflite"), "--target", "edgetpu"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Before compilation: By the published rules, nothing of float.tflite" in done.stderr


def test_nothing_is_said_of_a_model_that_should_map():
    assert targets.expectation(tflite.parse(_classifier())) == []


def test_a_model_that_takes_no_image_is_compiled(double, tmp_path):
    graph = Graph()
    sound = graph.tensor("sound", (1, 96))
    dense = graph.tensor("dense", (1, 4))
    graph.operator("FULLY_CONNECTED", [sound, graph.constant("weights", (4, 96))], [dense], version=9)
    (tmp_path / "sound.tflite").write_bytes(graph.build([sound], [dense]))
    targets.compile(read(tmp_path / "sound.tflite"), tmp_path / "out.tflite")
    assert (tmp_path / "out.tflite").read_bytes() == _compiled()
    received = tflite.parse((double / "received.tflite").read_bytes())
    assert received.graph.operators[0].version == 8


def test_a_compiled_model_is_not_compiled_again(double, tmp_path):
    with pytest.raises(CompilerError, match="already"):
        targets.compile(model_file.from_bytes(_compiled()), tmp_path / "out.tflite")


def test_newer_versions_are_lowered_when_the_outputs_stay_the_same(double, tmp_path):
    file = model_file.from_bytes(_classifier(version=6), "new.tflite")
    targets.compile(file, tmp_path / "out.tflite")
    received = tflite.parse((double / "received.tflite").read_bytes())
    assert {operator.version for operator in received.graph.operators if operator.name == "CONV_2D"} == {5}
    outputs = []
    for data in (file.data, (double / "received.tflite").read_bytes()):
        engine = Engine(model_file.from_bytes(data), threads=1)
        outputs.append(engine.invoke(engine.tensor(golden.picture(1, 0, (8, 8, 3)))))
    np.testing.assert_array_equal(*outputs)


def test_versions_are_left_alone_when_the_runtime_needs_them(monkeypatch):
    file = model_file.from_bytes(_classifier(version=6), "new.tflite")
    monkeypatch.setattr(compiler, "_same_outputs", lambda *arguments: False)
    assert compiler.lower_versions(as_target_model(file)) == (file.data, {})


def test_the_command(double, sealed, tmp_path):
    path = tmp_path / "small.tflite"
    command = [sys.executable, "-m", "edgecnn", "compile", str(path), "--target", "edgetpu"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "CONV_2D" in done.stdout and "Mapped to Edge TPU" in done.stdout
    assert "4 of 4 operators run on the Edge TPU" in done.stdout
    assert (tmp_path / "small_edgetpu.tflite").is_file()
    done = subprocess.run([*command, "--json", "-"], capture_output=True, text=True)
    assert json.loads(done.stdout)["memory"]["estimated"] is False


def test_the_command_without_the_compiler(sealed, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    command = [sys.executable, "-m", "edgecnn", "compile", str(tmp_path / "small.tflite"), "--target", "edgetpu"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "edgetpu_compiler is not on PATH" in done.stderr
