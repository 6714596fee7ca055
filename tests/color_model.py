"""A model whose answers are known without running it."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema
from small_graphs import Graph

from edgecnn import artifact
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.records import ModelDescription

COLORS = ("red", "green", "blue")


def write(path: Path, labels: tuple[str, ...] = COLORS, name: str = "mean color") -> str:
    """The mean color of the image as the probabilities of red, green and blue: 255 is certain."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 32, 32, 3), "u1", (1 / 255,))
    pool = schema.Pool2DOptionsT()
    pool.filterHeight = pool.filterWidth = pool.strideH = pool.strideW = 32
    pool.padding = schema.Padding.VALID
    mean = graph.unary("AVERAGE_POOL_2D", "mean", picture, pool, (1, 1, 1, 3))
    graph.graph.tensors[mean].quantization.scale = [1 / 255]
    shape = graph.tensor("shape", (2,), "i4", values=[1, 3])
    flat = graph.tensor("flat", (1, 3), "u1", (1 / 255,))
    graph.operator("RESHAPE", [mean, shape], [flat])
    contract = Contract(
        Preprocessing(32, 32, crop=1.0, mean=(0.0,), std=(255.0,)),
        output="probabilities",
        labels=labels,
        model=ModelDescription(name),
    )
    artifact.write(path, graph.build([picture], [flat]), contract)
    return str(path)
