"""What is kept on a board: shown and cleared over ssh."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import tiny_models

from edgecnn.core.cache import Kept
from edgecnn.core.errors import DeviceError, UsageError
from edgecnn.devices import kept, open_device
from edgecnn.devices.ssh_device import CACHE, SshDevice


def test_copies_are_listed_and_cleared(spare_pi: Any, reach: Any) -> None:
    board = reach(spare_pi)
    file = tiny_models.classifier()
    board.store(f"{file.sha256}.tflite", file.data)
    board.store("mine.txt", b"not ours")
    board.store("numpy-2.4.6-cp311.whl", b"123", f"{CACHE}/wheels")
    found = {entry.kind: entry for entry in kept.kept(board)}
    assert found["model"].size_bytes == len(file.data) and found["wheels"].size_bytes == 3
    assert all(0 <= entry.age_s < 3600 for entry in found.values()) and "mine.txt" not in {
        entry.name for entry in found.values()
    }
    kept.clear(board, [found["model"]])
    assert {entry.kind for entry in kept.kept(board)} == {"wheels"}
    kept.clear(board, kept.kept(board))
    assert kept.kept(board) == []


class _Says(SshDevice):
    """A board that answers what it was told to."""

    def __init__(self, stdout: str) -> None:
        self.name = "board"
        self.client = SimpleNamespace(run=lambda *words: SimpleNamespace(stdout=stdout))  # type: ignore[assignment]


def test_what_a_hostile_board_lists_is_not_ours() -> None:
    digest = "a" * 64
    lines = [
        "1000", f"5 400 ./{digest}.tflite", "5 400 ./../../etc/passwd", "x", f"-1 5 ./{digest}.pyz",
        "5 400 ./wheels/../../x.whl", f"9999999999999999999 1 ./{digest}.pyz", "7 990 .local/share/edgecnn/venv",
    ]  # fmt: skip
    assert kept.kept(_Says("\n".join(lines))) == [
        Kept(f"{digest}.tflite", "model", 5, 600.0), Kept(".local/share/edgecnn/venv", "environment", 7, 10.0)
    ]  # fmt: skip
    with pytest.raises(DeviceError, match="sent an unexpected answer"):
        kept.kept(_Says("Welcome\x1b[2J!"))
    with pytest.raises(DeviceError, match="sent an unexpected answer"):
        kept.kept(_Says(""))


def test_this_machine_is_no_board() -> None:
    with open_device() as device, pytest.raises(UsageError, match="without --device"):
        kept.kept(device)
