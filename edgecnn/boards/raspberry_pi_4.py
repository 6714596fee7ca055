"""Raspberry Pi 4 B: four Cortex-A72 at 1.5 GHz.

Measured peaks: 12.0 GFLOP/s (float32) on one core, 47.9 on four; 2.2 to 2.8 GB/s read by one core.
"""

from __future__ import annotations

from edgecnn.boards import Board, Published, xnnpack_table

_TUTORIAL = "PyTorch's tutorial on real-time inference on a Raspberry Pi 4"
BOARD = Board(
    name="Raspberry Pi 4 B",
    device_tree=("Raspberry Pi 4", "Raspberry Pi Compute Module 4", "Raspberry Pi 400"),
    cpu="Cortex-A72",
    cores=4,
    float32_gmacs=12.0 / 2,
    int8_gmacs=None,
    read_gb_s=2.8,
    published=(
        *xnnpack_table(
            {"mobilenet_v1": 77, "mobilenet_v2": 46, "mobilenet_v3_large": 40, "mobilenet_v3_small": 15},
            {"mobilenet_v1": 24, "mobilenet_v2": 17},
        ),
        Published("mobilenet_v2", "int8", 4, 26.4, _TUTORIAL),
    ),
)
