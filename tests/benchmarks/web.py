"""The exported web page against `classify`: same decoded pixels, and same JPEG files, in a headless Chromium.

    tools/bench web [DATA] [--model MODEL.tflite] [--images 200]

DATA is a folder of labeled images; by default the ImageNet sample of EDGECNN_SHARED. Without MODEL.tflite,
EfficientNet-Lite0 with ImageNet weights in int8, calibrated on `photos`. Exit status 1 when a bar is missed: the same
top-1 on all images when the page gets the pixels that the host decoded, and on 99 % when it decodes the file itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from chromium import Chromium
from web_page import Server, answers, probabilities, wait_until_ready

from edgecnn.builder import build_model
from edgecnn.core.statistics import share
from edgecnn.data import open_data
from edgecnn.exports import export
from edgecnn.float_model import keras_file
from edgecnn.quantization import quantize
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import read_picture

LEAST_PERCENT = 99.0
SAMPLE = Path(os.environ.get("EDGECNN_SHARED", "/nowhere")) / "data" / "imagenet-sample"


def lite0(folder: Path) -> Path:
    keras_file.save(*build_model("efficientnet_lite0", weights="imagenet"), folder / "lite0.keras")
    quantize(folder / "lite0.keras", folder / "lite0.tflite")
    return folder / "lite0.tflite"


def compare(browser: Chromium, engine: Engine, paths: list[Path]) -> dict[str, np.ndarray]:
    """Of each image: whether the top-1 is the same, and the largest difference of a probability."""
    found: dict[str, list[float]] = {"pixels": [], "file": [], "pixels_apart": [], "file_apart": []}
    for number, path in enumerate(paths, 1):
        image = read_picture(path)
        expected = engine.probabilities(engine.prepare(image))
        same = probabilities(browser, np.ascontiguousarray(image[..., ::-1]))
        best = answers(browser, path.read_bytes(), "jpeg")[0]
        found["pixels"].append(same.argmax() == expected.argmax())
        found["pixels_apart"].append(np.abs(same - expected).max())
        found["file"].append(best["index"] == expected.argmax())
        found["file_apart"].append(abs(best["probability"] - expected[best["index"]]))
        print(f"\r{number} of {len(paths)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return {name: np.asarray(values) for name, values in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default=str(SAMPLE))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--images", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = model_file.read(options.model or lite0(folder))
        export(file, "web", folder / "page")
        examples = open_data(options.data).sample(options.images).examples
        server = Server(folder / "page")
        with Chromium(folder / "profile") as browser:
            browser.open(server.address)
            wait_until_ready(browser)
            state = browser.run("document.getElementById('state').textContent")
            found = compare(browser, Engine(file), [Path(str(example.path)) for example in examples])
        server.stop()
    same, decoded = (share(int(found[key].sum()), len(examples)) for key in ("pixels", "file"))
    print(f"{file.name} on {len(examples)} images of {options.data}. The page says: {state}.")
    print(f"same top-1, same decoded pixels: {same}; probabilities differ by up to {found['pixels_apart'].max():.3g}")
    apart = found["file_apart"].max()
    print(f"same top-1, same JPEG file: {decoded}; the probability of the best differs by up to {apart:.3g}")
    print(json.dumps({key: float(values.mean()) for key, values in found.items()}))
    return int(same.percent < 100 or decoded.percent < LEAST_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
