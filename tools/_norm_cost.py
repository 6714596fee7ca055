"""What LayerNorm and GELU cost in int8: accuracy with our LayerNorm and with Keras's own, and their share of the time.

Usage: tools/norm_cost MODEL.keras CALIBRATION TEST      (a trained model with LayerNorm; DATA, labeled)

For example: edgecnn build convnext_tiny --width 0.25 --input-size 32 --classes 10 -o c.keras
             edgecnn train c.keras --data cifar10/train --strategy scratch -o t.keras
             tools/norm_cost t.keras cifar10/train cifar10/test
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from edgecnn.core.compat.tensorflow import keras
from edgecnn.devices import open_device
from edgecnn.models import layers
from edgecnn.profiling import per_op
from edgecnn.quantization import Calibration, quantize
from edgecnn.verification import verify

PICTURES = 200


def main(model: str, calibration: str, test: str) -> None:
    ours = layers.LayerNorm.call
    with tempfile.TemporaryDirectory() as folder:
        for name, call in (("ours", ours), ("Keras's", keras.layers.LayerNormalization.call)):
            layers.LayerNorm.call = call
            file = quantize(model, Path(folder) / "m.tflite", calibration=Calibration(calibration, PICTURES))
            layers.LayerNorm.call = ours
            found = verify(file, model, test)
            print(
                f"LayerNorm {name}: {len(file.model.graph.operators)} operators, "
                f"float top-1 {found.float_top1.percent:.2f} %, int8 {found.top1.percent:.2f} %, "
                f"agreement {found.agreement.percent:.2f} %, SNR of the logits {found.snr_db:.1f} dB"
            )
            print("  time:", ", ".join(f"{kind} {share:.1f} %" for kind, share in shares(file)))


def shares(file: object) -> list[tuple[str, float]]:
    """Percent of the time by operator type, most first."""
    with open_device("local") as device:
        measured = per_op.measure(file, device, threads=1)
    total: Counter[str] = Counter()
    for row in measured.operators:
        total[row.type] += row.latency_ms or 0.0
    return [(kind, 100 * ms / total.total()) for kind, ms in total.most_common()]


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
