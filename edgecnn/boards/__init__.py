"""Boards: what each can do at most, one file per board; sources are named in the files.

A file has `BOARD`. It is recognized by what the board says of itself (`system.describe()`: device tree, processor).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from edgecnn.core.registry import BOARDS
from edgecnn.core.text import counted


@dataclass(frozen=True)
class Published:
    """A latency that others measured: model, its number format ("float32", "int8"), threads, milliseconds."""

    model: str
    scheme: str
    threads: int
    latency_ms: float
    source: str


@dataclass(frozen=True)
class Board:
    """One kind of board.

    Attributes:
        name: for people.
        device_tree: beginnings of /proc/device-tree/model.
        cpu: its processor, as `system.describe()` calls it.
        cores: processor cores.
        float32_gmacs: peak multiply-accumulates of one core, 10^9/s (half of the measured GFLOP/s).
        int8_gmacs: the same for 8-bit integers; None without dot-product instructions.
        read_gb_s: measured memory read bandwidth of one core, the upper end, 10^9 bytes/s.
        published: latencies by others.
    """

    name: str
    device_tree: tuple[str, ...]
    cpu: str
    cores: int
    float32_gmacs: float
    int8_gmacs: float | None
    read_gb_s: float
    published: tuple[Published, ...] = ()

    @property
    def has_dot_product(self) -> bool:
        """Whether its processor multiplies and adds four bytes at once (Arm SDOT)."""
        return self.int8_gmacs is not None


class BoardFile(Protocol):
    """A file of `edgecnn/boards/`."""

    BOARD: Board


def match(system: Mapping[str, Any]) -> Board | None:
    """The board that `system.describe()` describes: by its device tree, else by a processor that only it has."""
    boards = [BOARDS.plugin(name, BoardFile).BOARD for name in BOARDS.names()]
    text = system.get("board") or ""
    for board in boards:
        if text.startswith(board.device_tree):
            return board
    known = [board for board in boards if board.cpu == system.get("cpu")]
    return known[0] if not text and len(known) == 1 else None


def published(system: Mapping[str, Any], model: str, number_format: str) -> list[str]:
    """What others measured of a model on the board that `system.describe()` describes, in sentences.

    Args:
        system: of the machine.
        model: the contract's name, e.g. "mobilenet_v2"; variants of other width or size are other models.
        number_format: "float32" or "int8".
    """
    board = None if system.get("emulated") else match(system)
    rows = [row for row in board.published if (row.model, row.scheme) == (model, number_format)] if board else []
    return [
        f"Published for comparison: {row.model} {row.scheme}, {counted(row.threads, 'thread')}, "
        f"{row.latency_ms:g} ms on a {board.name if board else ''} ({row.source})."
        for row in rows
    ]


def xnnpack_table(float32: dict[str, float], int8: dict[str, float]) -> tuple[Published, ...]:
    """Rows of the latency table in XNNPACK's README, 4 threads, ImageNet models at 224 pixels."""
    return tuple(
        Published(model, scheme, 4, value, "XNNPACK's README")
        for scheme, table in (("float32", float32), ("int8", int8))
        for model, value in table.items()
    )
