"""Top-1 of a file of weights on a person's own ImageNet folder: `edgecnn verify` against an independent count."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import cv2
import numpy as np
import seeded_weights
import torch_files
from click.testing import CliRunner

from edgecnn.cli import cli
from edgecnn.core.compat.tensorflow import keras
from edgecnn.float_model import keras_file
from edgecnn.models import imagenet

RECORDED = Path(__file__).with_name("recorded") / "timm_mobilenetv3_small_075.json.gz"
MEAN, STD = np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def state_for_imagenet(path: Path) -> Path:
    content = json.loads(gzip.decompress(RECORDED.read_bytes()))
    shapes = {**content["shapes"], "classifier.weight": [1000, 1024], "classifier.bias": [1000]}
    return torch_files.write_safetensors(path, seeded_weights.weights(shapes, 1, content["norms"]))


def answer(model: keras.Model, picture: np.ndarray) -> int:
    """The class of a square RGB picture of 80 pixels: its central 70, as timm's table says (crop 0.875), at 64."""
    small = cv2.resize(picture[5:75, 5:75], (64, 64), interpolation=cv2.INTER_AREA)
    return int(model.predict(((small - MEAN) / STD)[None].astype(np.float32), verbose=0).argmax())


def test_verify_measures_the_top1_of_mapped_weights(tmp_path: Path) -> None:
    weights = state_for_imagenet(tmp_path / "mobilenetv3_small_075.lamb_in1k.safetensors")
    model_path, artifact = str(tmp_path / "m.keras"), str(tmp_path / "m.tflite")
    said = run(
        *("build", "mobilenet_v3_small", "--width", "0.75", "--input-size", "64"),
        *("--weights", str(weights), "-o", model_path),
    )
    assert "weights of timm:mobilenetv3_small_075.lamb_in1k (license: apache-2.0)" in " ".join(said.split())
    model, contract = keras_file.load(model_path, trust=None)
    assert contract.preprocessing.crop == 0.875 and contract.label_ids[0] == "n01440764"
    generator, right = np.random.default_rng(0), 0
    for number in range(12):
        picture = generator.integers(0, 256, (5, 5, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        found = answer(model, picture)
        truth = found if number % 3 else (found + 1) % 1000
        right += truth == found
        folder = tmp_path / "val" / imagenet.wordnet_ids()[truth]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), picture[:, :, ::-1])
    run("quantize", model_path, "--scheme", "float32", "-o", artifact)
    report = tmp_path / "v.json"
    run("verify", artifact, "--against", model_path, "--data", str(tmp_path / "val"), "--json", str(report))
    record = json.loads(report.read_text())
    assert right == 8
    text = json.dumps(record)
    assert f"{100 * right / 12:.2f}"[:4] in text, text[:2000]
