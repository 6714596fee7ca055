"""What the compilers of other accelerators take: calibration images of the input's size, and the model in float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError
from edgecnn.core.options import Settings, option

if TYPE_CHECKING:
    import numpy as np

    from edgecnn.runtime.model.contract import Contract, Preprocessing
    from edgecnn.runtime.model.model_file import ModelFile


@dataclass(frozen=True)
class CompilerOptions(Settings):
    """Which images the compiler calibrates on."""

    calibration: str = option("Calibration images; those of a training set suit best.", "photos", metavar="DATA")
    samples: int = option("Number of calibration images.", 128, low=1, high=4096, metavar="N")


def check_float(file: ModelFile) -> None:
    """Refuse a quantized model: the compiler quantizes by itself.

    Raises:
        UsageError: a tensor has integers with a scale.
    """
    if any(tensor.scale.size for graph in file.model.graphs for tensor in graph.tensors):
        raise UsageError(
            f"{file.name} is quantized; the compiler quantizes the float model itself. Make a float file: edgecnn "
            "quantize MODEL.keras -o FLOAT.tflite --scheme float32"
        )


def calibration_images(contract: Contract, options: CompilerOptions) -> dict[str, bytes]:
    """PNG files of the input's size, cropped and resized as the contract says; in gray where the input is.

    Raises:
        DataError: the images can't be read.
    """
    from edgecnn.data import open_data
    from edgecnn.runtime.run.preprocess import fit

    data = open_data(options.calibration).part("train").sample(options.samples, 0)
    how = contract.preprocessing
    fitted = (fit(example.read(), how) for example in data.examples)
    return {f"calibration/{number:04}.png": _png(picture, how) for number, picture in enumerate(fitted)}


def _png(fitted: np.ndarray, how: Preprocessing) -> bytes:
    from edgecnn.runtime.opencv import opencv

    picture = fitted[:, :, ::-1] if how.color == "rgb" else fitted  # OpenCV writes blue, green, red
    done, data = opencv().imencode(".png", picture)
    assert done, "OpenCV writes any image of bytes as PNG"
    return bytes(data.tobytes())
