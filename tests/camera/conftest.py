"""A model whose answers are known without running it, and one that knows photographs."""

from __future__ import annotations

import os
import socket

import pytest
from ai_edge_litert import schema_py_generated as schema
from requirements import CORAL, SHARED
from scenes import photo_frames, write_video
from small_graphs import Graph

from edgecnn import artifact
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.records import ModelDescription

COLORS = ("red", "green", "blue")


@pytest.fixture(scope="session")
def color_model(tmp_path_factory):
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
        labels=COLORS,
        model=ModelDescription("mean color"),
    )
    path = tmp_path_factory.mktemp("model") / "color.tflite"
    artifact.write(path, graph.build([picture], [flat]), contract)
    return str(path)


@pytest.fixture
def port():
    """A free port of 127.0.0.1 that neither the kernel, nor a demo, nor another worker takes by itself."""
    first = 20_000 + os.getpid() % 1000 * 10
    for number in range(first, first + 10):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
        return number
    pytest.fail(f"no port from {first} on is free")


@pytest.fixture(scope="session")
def photo_model(request):
    """Command line words for an ImageNet classifier: Coral's where it is at hand, otherwise our own Lite0."""
    if not SHARED.is_dir():
        return [str(request.getfixturevalue("lite0_int8"))]
    return [str(CORAL / "mobilenet_v2_1.0_224_quant.tflite"), "--labels", str(CORAL / "imagenet_labels.txt")]


@pytest.fixture(scope="session")
def photo_video(tmp_path_factory):
    """Each photograph for a second, panning, 640x480 at 30 fps."""
    return str(write_video(tmp_path_factory.mktemp("video") / "photos.avi", photo_frames()))
