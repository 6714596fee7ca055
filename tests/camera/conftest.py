"""A model whose answers are known without running it, and one that knows photographs."""

from __future__ import annotations

import os
import socket

import pytest
from color_model import write as write_color_model
from requirements import CORAL, SHARED
from scenes import photo_frames, write_video


@pytest.fixture(scope="session")
def color_model(tmp_path_factory):
    """See `color_model.write`."""
    return write_color_model(tmp_path_factory.mktemp("model") / "color.tflite")


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
