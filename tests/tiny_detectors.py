"""A small detector with random heads that give many boxes, and its artifacts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np

SIDE = 96
LABELS = ("ant", "bee", "cow")


def noise(random: np.random.Generator, height: int = 120, width: int = 160) -> np.ndarray:
    """A smooth random image, uint8 (height, width, 3), from 0 to 255."""
    smooth = cv2.resize(random.integers(0, 256, (6, 8, 3)).astype(np.float32), (width, height))
    return np.rint((smooth - smooth.min()) * (255 / np.ptp(smooth))).astype(np.uint8)


def make(root: Path) -> None:
    """Write images/ with boxes.csv, d.keras, d.tflite, and raw.tflite without the operator."""
    from edgecnn.builder import build_model
    from edgecnn.float_model import keras_file
    from edgecnn.quantization import Calibration, quantize

    random = np.random.default_rng(0)
    (root / "images").mkdir()
    for number in range(6):
        cv2.imwrite(str(root / "images" / f"{number}.png"), noise(random))
    lines = [f"{number}.png,ant,10,10,60,80\n{number}.png,bee,50,30,150,110" for number in range(6)]
    (root / "images" / "boxes.csv").write_text("\n".join(["path,label,xmin,ymin,xmax,ymax", *lines]))
    model, contract = build_model("mobilenet_v2_ssd", input_size=SIDE, width=0.35, classes=len(LABELS))
    paths = sorted((root / "images").glob("*.png"))
    images = np.stack([cv2.resize(cv2.imread(str(path)), (SIDE, SIDE)) for path in paths])
    for layer in model.layers:  # activations of a usual size, with which boxes depend on the image
        layer.momentum = 0.0
    model((images - np.float32(127)) / 128, training=True)
    for layer in model.layers:
        if layer.name.startswith("level") and layer.name.endswith(("class_conv", "box_conv")):
            kernel, bias = layer.get_weights()
            layer.set_weights(
                [random.normal(0, 0.15, kernel.shape), np.full_like(bias, -1.5 * ("class" in layer.name))]
            )
    bytes_as_they_are = dataclasses.replace(contract.preprocessing, mean=(127.0,) * 3, std=(128.0,) * 3)
    contract = contract.replace(labels=LABELS, preprocessing=bytes_as_they_are)
    keras_file.save(model, contract, root / "d.keras")
    calibration = Calibration(str(root / "images" / "boxes.csv"), 6, improve="none")
    quantize(root / "d.keras", root / "d.tflite", calibration=calibration)
    quantize(root / "d.keras", root / "raw.tflite", calibration=calibration, raw=True)
