"""A tiny int8 classifier, made without TensorFlow, for tests of measuring and of boards."""

from __future__ import annotations

import functools

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from small_graphs import Graph

from edgecnn import artifact
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.records import ModelDescription
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine

SIDE, CLASSES = 32, 10
UNSIGNED = {"dtype": "u1", "zero_point": 128}


@functools.cache
def graph(filters: int = 8, unsigned: bool = False) -> bytes:
    """Convolution 3x3 stride 2, convolution 1x1, global average: int8 (1, 32, 32, 3) -> (1, 1, 1, 10).

    Args:
        filters: of the first convolution.
        unsigned: uint8 in and out, and int8 between, as `edgecnn quantize` makes it.
    """
    made = Graph()
    picture = made.tensor("picture", (1, SIDE, SIDE, 3), **(UNSIGNED if unsigned else {}))
    signed = made.unary("QUANTIZE", "signed", picture, schema.QuantizeOptionsT(), dtype="i1") if unsigned else picture
    features = made.conv("stem", signed, filters, kernel=3, stride=2)
    scores = made.conv("head", features, CLASSES)
    options = schema.Pool2DOptionsT()
    options.filterHeight = options.filterWidth = SIDE // 2
    options.strideH = options.strideW = 1
    options.padding = schema.Padding.VALID
    answer = made.unary("AVERAGE_POOL_2D", "answer", scores, options, (1, 1, 1, CLASSES))
    if unsigned:
        signed, answer = answer, made.tensor("unsigned", (1, 1, 1, CLASSES), **UNSIGNED)
        made.operator("QUANTIZE", [signed], [answer], schema.QuantizeOptionsT())
    return made.build([picture], [answer])


@functools.cache
def classifier(filters: int = 8, unsigned: bool = False) -> ModelFile:
    """The graph as an artifact with golden vectors that were made on this machine; arguments as of `graph`."""
    contract = Contract(Preprocessing(SIDE, SIDE, crop=1.0), model=ModelDescription(f"tiny{filters}"))
    file = model_file.from_bytes(artifact.seal(graph(filters, unsigned), contract), f"tiny{filters}.tflite")
    sealed = artifact.seal(graph(filters, unsigned), contract.replace(golden=golden.make(Engine(file, threads=1))))
    return model_file.from_bytes(sealed, f"tiny{filters}.tflite")


def unsigned_image() -> np.ndarray:
    """An input of `classifier(unsigned=True)`: uint8 (1, 32, 32, 3)."""
    return np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3), np.uint8)
