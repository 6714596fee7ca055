"""`edgecnn models` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from edgecnn.models import figures, variants


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "edgecnn", "models", *arguments], capture_output=True, text=True)


def test_the_table_has_every_model() -> None:
    shown = run()
    assert shown.returncode == 0 and shown.stderr == ""
    for name in variants():
        assert f" {name} " in shown.stdout
    lite0 = next(line for line in shown.stdout.splitlines() if "efficientnet_lite0" in line)
    cells = " ".join(lite0.split())
    assert cells == "efficientnet_lite0 4.69 M 385 M 18.5 MB 5.17 MB 224 px 75.1 % Tan and Le, 2019 whole yes"


def test_a_filter_and_json() -> None:
    rows = json.loads(run("V3-Small", "--json", "-").stdout)
    assert [row["name"] for row in rows] == ["mobilenet_v3_small", "mobilenet_v3_small_minimalistic"]
    assert rows[0]["published_macs"] == 56e6 and rows[0]["macs"] == figures()["mobilenet_v3_small"]["macs"]


def test_json_to_a_file_shows_the_table_too(tmp_path: Path) -> None:
    shown = run("lite0", "--json", str(tmp_path / "m.json"))
    assert "efficientnet_lite0" in shown.stdout
    assert json.loads((tmp_path / "m.json").read_text())[0]["weights"] == "yes"


def test_a_filter_without_matches_says_so() -> None:
    shown = run("nothing-like-it")
    assert shown.returncode == 0 and shown.stdout == "" and "No model name contains 'nothing-like-it'" in shown.stderr


def test_what_an_edge_tpu_leaves_to_the_processor_is_told_with_layer_and_reason() -> None:
    shown = run("mobilenet_v3_small").stdout
    assert "mobilenet_v3_small: Edge TPU: stem_act, block*_act" in shown and "HARD_SWISH" in shown
    limits = {row["name"]: row["limits"] for row in json.loads(run("mobilenet_v3_small", "--json", "-").stdout)}
    assert limits["mobilenet_v3_small_minimalistic"] == []
    assert limits["mobilenet_v3_small"][0]["target"] == "edgetpu"


def test_every_variant_was_measured() -> None:
    assert set(figures()) == set(variants()), "run tools/figures"


def test_it_imports_no_tensorflow() -> None:
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "edgecnn", "models"], capture_output=True, text=True
    ).stderr
    assert "edgecnn.models" in imported and "tensorflow" not in imported.replace("edgecnn.core.compat.tensorflow", "")


def test_where_only_pytorch_has_weights_is_said_and_by_what_names() -> None:
    rows = {row["name"]: row for row in json.loads(run("--json", "-").stdout)}
    without = [row for row in rows.values() if row["weights"] == "no"]
    nowhere = {row["name"] for row in without if not row["published_weights"]}
    assert len(without) == 20 and nowhere == {"alexnet", "cvt_13", "googlenet"}
    assert rows["googlenet_bn"]["published_weights"] == ["torchvision:googlenet.IMAGENET1K_V1"]
    assert "timm:mobilenetv4_conv_small.e2400_r224_in1k" in rows["mobilenet_v4_conv_small"]["published_weights"]
    shown = [" ".join(line.split()) for line in run("v4").stdout.splitlines()]
    assert sum(line.endswith("whole PyTorch") for line in shown) == 2
