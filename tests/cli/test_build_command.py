"""`edgecnn build` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.float_model import keras_file


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "edgecnn", "build", *arguments], capture_output=True, text=True)


def test_the_example_of_the_help(tmp_path: Path) -> None:
    built = run("efficientnet_lite0", "--weights", "imagenet", "-o", str(tmp_path / "lite0.keras"))
    assert (built.returncode, built.stderr) == (0, "")
    assert built.stdout == (
        f"{tmp_path}/lite0.keras: efficientnet_lite0, 224 px rgb, 1000 classes, 4,694,024 parameters, "
        "385 million multiply-accumulates, ImageNet weights.\n"
    )
    contract = keras_file.read_contract(tmp_path / "lite0.keras")
    assert contract is not None and contract.label(281) == "tabby cat"


def test_options_reach_the_model_and_json_is_all_there_is(tmp_path: Path) -> None:
    shape = ("--input-size", "64", "--width", "0.5", "--classes", "4", "--color", "gray")
    built = run("mobilenet_v2", *shape, "--seed", "3", "--json", "-", "-o", str(tmp_path / "m.keras"))
    result = json.loads(built.stdout)
    assert result["arguments"] == {"input_size": 64, "width": 0.5, "classes": 4, "color": "gray"}
    assert result["provenance"]["seed"] == 3 and result["weights"] == "none"
    contract = keras_file.read_contract(tmp_path / "m.keras")
    assert contract is not None and contract.preprocessing.shape == (64, 64, 1)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("mobilenet_v9", "-o", "m.keras"), 2, "Error: There is no model 'mobilenet_v9'. Did you mean mobilenet_v"),
        (("mobilenet_v2", "-o", "m.onnx"), 2, "ends with .keras"),
        (("mobilenet_v2", "-o", "m.keras", "--weights", "absent.keras"), 1, "There is no weights file absent.keras"),
        (("mobilenet_v2", "-o", "/proc/m.keras"), 1, "Can't write /proc/m.keras"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    built = run(*arguments)
    assert built.returncode == status and built.stdout == ""
    assert message in built.stderr and built.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
