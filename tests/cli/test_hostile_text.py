"""What strangers write into names, labels and paths is shown, never obeyed, by a terminal, a shell or rich."""

import json
import os
import re
import shlex
import subprocess
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import edgecnn.cli
from edgecnn import artifact
from edgecnn.reporting import report
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.provenance import Provenance
from edgecnn.runtime.model.records import ModelDescription
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.opencv import opencv

HOSTILE = "a\x1b[31m\x1b]0;own\x07 [/x] [red]\u202e\x9b2J\udc80"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def run(*words, cwd=None):
    command = [sys.executable, "-m", "edgecnn", *map(os.fsencode, words)]
    return subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", cwd=cwd, timeout=300)


@pytest.fixture()
def hostile_image(tmp_path):
    path = tmp_path / f"{HOSTILE}.png"
    path.parent.mkdir()
    path.write_bytes(opencv().imencode(".png", np.zeros((40, 40, 3), np.uint8))[1])
    return str(path)


def test_a_hostile_path_on_the_terminal_and_as_json(tiny_int8, hostile_image):
    shown = run("classify", str(tiny_int8), hostile_image, hostile_image + "x")
    assert not OBEYED.search(shown.stdout) and "[/x] [red]" in shown.stdout
    assert not OBEYED.search(shown.stderr) and "[/x] [red]" in shown.stderr
    said = run("classify", str(tiny_int8), hostile_image, "--json", "-")
    assert not OBEYED.search(said.stdout)
    assert json.loads(said.stdout)[0]["path"] == hostile_image


def test_hostile_names_in_tables(tmp_path, tiny_int8):
    hostile = tmp_path / "m.tflite"
    graph = artifact.graph_bytes(model_file.read(tiny_int8))
    name = next(tensor.name for tensor in parse(graph).graph.tensors if len(tensor.name) > 12)
    evil = "\x1b[2J[/x]\x9b[red]"
    evil = evil + "y" * (len(name) - len(evil.encode()))
    hostile.write_bytes(graph.replace(name.encode(), evil.encode()))
    assert evil.replace("\x1b", "\ufffd").replace("\x9b", "\ufffd") in {
        t.name for t in parse(hostile.read_bytes()).graph.tensors
    }
    for words in (["inspect", str(hostile)], ["inspect", str(hostile), "--target", "edgetpu"]):
        done = run(*words)
        assert done.returncode == 0, done.stderr
        assert not OBEYED.search(done.stdout + done.stderr)


def test_only_one_file_of_the_command_line_writes_to_the_terminal():
    files = Path(edgecnn.cli.__file__).parent.rglob("*.py")
    assert [file.name for file in files if re.search(r"click\.s?echo|\bprint\(", file.read_text())] == ["_output.py"]


@pytest.mark.parametrize(
    "words", [["inspect", "x\x1b[31m[/x].tflite"], ["inspect\x1b[31m"], ["inspect", "--a\x1b[31m"]]
)
def test_names_in_errors_are_not_obeyed(words):
    done = run(*words)
    assert done.returncode in (1, 2)
    assert "rror: " in done.stderr and not OBEYED.search(done.stderr)


def test_commands_to_repeat_are_quoted(tmp_path, tiny_int8):
    file = model_file.read(tiny_int8)
    hostile = ModelDescription(name="x; touch $(id) '", weights="`id`")
    contract = file.contract.replace(model=hostile, provenance=Provenance(scheme="int8"))
    artifact.rewrite(tmp_path / "a;b.tflite", file, contract)
    html = report(tmp_path / "a;b.tflite")
    commands = unescape(re.findall("<pre[^>]*>(.*?)</pre>", html, re.DOTALL)[-1]).splitlines()
    assert shlex.split(commands[0])[2:5] == ["x; touch $(id) '", "--weights", "`id`"]
    assert "a;b.tflite" in shlex.split(commands[1])
