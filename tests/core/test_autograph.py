"""AutoGraph's generated code is in memory."""

from __future__ import annotations

import inspect
import tempfile
import traceback
from pathlib import Path

import pytest

from edgecnn.core.compat.tensorflow import tf


def test_nothing_is_written_and_the_code_can_still_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tf.constant(0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def clipped(x):
        if x > 3.0:
            x = x * 0.0 + 3.0
        return x

    assert [float(tf.function(clipped)(tf.constant(value))) for value in (2.0, 5.0)] == [2.0, 3.0]
    converted = tf.autograph.to_graph(clipped)
    assert "if_stmt" in inspect.getsource(converted)
    assert list(tmp_path.iterdir()) == []


def test_a_traceback_shows_the_generated_line() -> None:
    def failing(x):
        if x > 0.0:
            raise ValueError("on purpose")
        return x

    with pytest.raises(ValueError, match="on purpose") as caught:
        tf.autograph.to_graph(failing)(1.0)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert any("raise" in (frame.line or "") and frame.filename.startswith("<__autograph") for frame in frames)
