"""A folder for Hailo's Dataflow Compiler (Raspberry Pi AI Kit and AI HAT+), whose download needs an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.exports import Contents, template
from edgecnn.exports.compiler import CompilerOptions as Options

if TYPE_CHECKING:
    from edgecnn.runtime.model.contract import Contract
    from edgecnn.runtime.model.model_file import ModelFile

SUMMARY = "a folder for Hailo's compiler (Raspberry Pi AI HAT+)"
NOTE = (
    "Hailo's Dataflow Compiler needs an account at hailo.ai and x86-64 Linux; edgecnn does not run it, and its tests "
    "have not. The folder holds what it takes: compile.py runs it there."
)


def contents(file: ModelFile, options: Options) -> Contents:
    """The float model, calibration images, a model script and labels; see `edgecnn.exports.ExportKind`."""
    from edgecnn.exports import compiler
    from edgecnn.exports.model_json import classifier_of, model_json

    contract = classifier_of(file)
    compiler.check_float(file)
    images = compiler.calibration_images(contract, options)
    return Contents(
        {
            "model.tflite": file.data,
            "model.alls": _script(contract),
            "compile.py": template.read("hailo/compile.py.j2"),
            "model.json": model_json(contract),
            "labels.txt": template.label_lines(contract.labels),
            "README.md": template.filled(
                "hailo/README.md.j2", name=template.plain(contract.name), count=str(len(images))
            ),
            **images,
        },
        notes=(NOTE, *contract.assumed),
    )


def _script(contract: Contract) -> bytes:
    """Hailo's model script: the chip normalizes, so that it is given bytes of pixels."""
    how = contract.preprocessing
    mean, std = ([float(value) for value in values] for values in (how.mean, how.std))
    each = [values * how.channels if len(values) == 1 else values for values in (mean, std)]
    return f"normalization1 = normalization({each[0]}, {each[1]})\n".encode()
