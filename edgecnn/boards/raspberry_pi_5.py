"""Raspberry Pi 5: four Cortex-A76 at 2.4 GHz, with 8-bit dot products.

Measured peaks: 38.4 GFLOP/s (float32) on one core, 153.5 on four; int8 153.5 GOP/s on one, 614 on four; 5.3 to
6.0 GB/s read by one core.
"""

from __future__ import annotations

from edgecnn.boards import Board

BOARD = Board(
    name="Raspberry Pi 5",
    device_tree=("Raspberry Pi 5", "Raspberry Pi Compute Module 5", "Raspberry Pi 500"),
    cpu="Cortex-A76",
    cores=4,
    float32_gmacs=38.4 / 2,
    int8_gmacs=153.5 / 2,
    read_gb_s=6.0,
)
