"""The command: what reaches the terminal, JSON, files; exit statuses; no TensorFlow for a `.tflite`."""

import json
import re
import subprocess
import sys

import pytest
from requirements import CORAL, SHARED, WITHOUT_SHARED, needs_shared

BY_OTHERS = str(CORAL / "mobilenet_v1_0.25_128_quant.tflite")


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgecnn", "inspect", *arguments], capture_output=True, text=True, check=check
    )


@needs_shared
def test_a_tflite_by_others_needs_no_tensorflow():
    program = (
        "import sys; sys.modules['tensorflow'] = None; sys.modules['tf_keras'] = None\n"
        f"from edgecnn.cli.inspect import command; command([{BY_OTHERS!r}, '--json', '-'], standalone_mode=False)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    values = json.loads(done.stdout)
    assert values["macs"] == 13570304
    assert values["last_feature_map"]["receptive_field"]["size"] == [315, 315]
    assert values["contract"]["classes_with_names"] == 1001
    assert values["contract"]["sealed"] is False


@needs_shared
def test_tables_page_and_target(tmp_path):
    page = tmp_path / "page.html"
    done = run(BY_OTHERS, "--geometry", "--target", "edgetpu", "--html", str(page))
    assert "ceil(128/2) = 64, 0+1 zeros" in done.stdout
    assert "(estimate, not the compiler)" in done.stdout
    text = page.read_text()
    assert "Conv2d_13_pointwise" in text
    assert "://" not in text.replace("http://www.w3.org", "")


@needs_shared
def test_two_models(tmp_path):
    done = run(
        BY_OTHERS, str(CORAL / "mobilenet_v2_1.0_224_quant.tflite"), "--json", "-", "--html", str(tmp_path / "p.html")
    )
    values = json.loads(done.stdout)
    assert values["totals"]["macs"]["first"] == 13570304
    assert values["receptive_field"] == [[315, 315], [491, 491]]
    assert (tmp_path / "p.html").exists()


def test_our_artifact_shows_its_contract(tmp_path):
    from edgecnn.builder import build_model
    from edgecnn.quantization import Calibration, quantize

    built = build_model("mobilenet_v1", input_size=32, width=0.25, classes=10)
    quantize(built, tmp_path / "m.tflite", calibration=Calibration("photos", 16))
    text = run(str(tmp_path / "m.tflite")).stdout
    for words in (
        "SHA-256 verified",
        "32 x 32 RGB",
        "scheme",
        "int8",
        "calibration",
        "golden vectors",
        "mobilenet_v1",
    ):
        assert words in text
    values = json.loads(run(str(tmp_path / "m.tflite"), "--json", "-").stdout)
    assert re.search(r"calibration\.pictures +16: \S+, \S+, \S+, \.\.\.\n", text)  # counted, not listed
    assert len(values["contract"]["provenance"]["calibration"]["pictures"]) == 16
    assert "outputs" not in values["contract"]["golden"]


def test_a_name_with_effective_fields_and_sweep(tmp_path):
    values = json.loads(
        run(
            "mobilenet_v1", "--input-size", "64", "--effective", "--layer", "block1_pointwise_conv", "--json", "-"
        ).stdout
    )
    field = values["effective_receptive_fields"][0]
    theory = next(layer for layer in values["layers"] if layer["name"] == "block1_pointwise_conv")["receptive_field"]
    assert field["support"] == theory["size"]
    swept = json.loads(run("mobilenet_v1", "--input-size", "32,64,128", "--no-timing", "--json", "-").stdout)
    assert swept["mobilenet_v1"]["macs_exponent"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("no_such_model",), 2, "There is no model"),
        (("missing.tflite",), 1, "no file"),
        (("a", "b", "c"), 2, "two to compare"),
        (("mobilenet_v1", "--input-size", "x"), 2, "whole numbers"),
        ((BY_OTHERS, "--effective"), 2, "gradients"),
        (("mobilenet_v1", "mobilenet_v2", "--effective"), 2, "one model"),
        (("mobilenet_v1", "--input-size", "64,96", "--layer", "block1_pointwise_conv"), 2, "one input size"),
        ((BY_OTHERS, "--input-size", "64"), 2, "fixed input"),
        ((BY_OTHERS, "--target", "abacus"), 2, "edgetpu"),
    ],
)
def test_mistakes(arguments, status, words):
    if BY_OTHERS in arguments and not SHARED.is_dir():
        pytest.skip(WITHOUT_SHARED)
    done = run(*arguments, check=False)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
