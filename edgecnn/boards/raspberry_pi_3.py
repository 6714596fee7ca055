"""Raspberry Pi 3 B+: four Cortex-A53 at 1.4 GHz.

Measured peaks: 11.3 GFLOP/s (float32) on one core, 45.0 on four; 1.0 to 1.2 GB/s read by one core.
"""

from __future__ import annotations

from edgecnn.boards import Board, xnnpack_table

BOARD = Board(
    name="Raspberry Pi 3 B+",
    device_tree=("Raspberry Pi 3",),
    cpu="Cortex-A53",
    cores=4,
    float32_gmacs=11.3 / 2,
    int8_gmacs=None,
    read_gb_s=1.2,
    published=xnnpack_table(
        {"mobilenet_v1": 114, "mobilenet_v2": 79, "mobilenet_v3_large": 67, "mobilenet_v3_small": 22},
        {"mobilenet_v1": 46, "mobilenet_v2": 30},
    ),
)
