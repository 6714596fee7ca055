"""Pretrained models for what the pages show by looking into one."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.data import DataSet, class_indices, open_data
from edgecnn.graph import keras_network
from edgecnn.inspection.analysis import analyze
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.run.preprocess import fit
from edgecnn.visualization.subject import KerasSubject


def subject_of(model: Any, contract: Contract) -> KerasSubject:
    """A model that can be looked into."""
    return KerasSubject(model.name, contract, analyze(keras_network.read(model)), model)


def lite0(input_size: int | None = None) -> KerasSubject:
    """EfficientNet-Lite0 with its ImageNet weights."""
    from edgecnn.builder import build_model

    return subject_of(*build_model("efficientnet_lite0", weights="imagenet", input_size=input_size))


def photograph(name: str) -> np.ndarray:
    """A whole photograph of scikit-image or scikit-learn, such as "chelsea" (a cat): uint8 BGR."""
    return next(example.read() for example in open_data("photos:whole").examples if example.name.startswith(name))


def sample_of_imagenet() -> DataSet:
    """The folder EDGECNN_SHARED/data/imagenet-sample: a folder per class, named by WordNet id."""
    return open_data(str(Path(os.environ["EDGECNN_SHARED"]) / "data" / "imagenet-sample"))


def imagenet_sample(subject: KerasSubject) -> tuple[np.ndarray, np.ndarray]:
    """Its images as the model's input shows them, uint8 (n, height, width, 3), and their classes, (n,)."""
    sample = sample_of_imagenet()
    indices = class_indices(sample, subject.contract)
    truth = np.array([indices[example.label or ""] for example in sample.examples])
    return np.stack([subject.fitted(example.read()) for example in sample.examples]), truth


def ten_crops(subject: KerasSubject) -> list[np.ndarray]:
    """The four corners and the center of each image at 256/224 of the input's size, and their mirror images."""
    own = subject.contract.preprocessing
    side, wide = own.height, round(own.height * 256 / 224)
    larger = dataclasses.replace(own, height=wide, width=wide, crop=1.0)
    whole = np.stack([fit(example.read(), larger) for example in sample_of_imagenet().examples])
    places = [(0, 0), (0, wide - side), (wide - side, 0), (wide - side, wide - side), ((wide - side) // 2,) * 2]
    crops = [whole[:, top : top + side, left : left + side] for top, left in places]
    return crops + [crop[:, :, ::-1] for crop in crops]
