"""A cache of the test process's own, and ONNX Runtime where it is at hand."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from requirements import unavailable

from edgecnn.core import cache
from edgecnn.encoders.onnx_session import ENVIRONMENT

_MADE = cache.cache_folder()  # before a test has a cache of its own


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def onnx_python() -> str:
    """A Python with onnx and ONNX Runtime: this one, or that of the environment that edgecnn made for it."""
    if importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime"):
        return sys.executable
    wanted = os.environ.get("EDGECNN_REAL_CONVERTERS") or os.environ.get("EDGECNN_REQUIRE_ALL")
    if not wanted and not list(_MADE.glob("environment-onnxruntime-*")):
        unavailable("ONNX Runtime is not installed; EDGECNN_REAL_CONVERTERS=1 fetches it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_CACHE", str(_MADE))
        return str(ENVIRONMENT.python(lambda stage, done, total: None))


@pytest.fixture()
def real_runtime(onnx_python: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Sessions run in that Python."""
    monkeypatch.setattr(type(ENVIRONMENT), "python", lambda self, progress: Path(onnx_python))
    return onnx_python
