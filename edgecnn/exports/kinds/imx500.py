"""A folder for Sony's tools that compile for the IMX500 (Raspberry Pi AI Camera): they quantize a Keras model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError
from edgecnn.core.options import option
from edgecnn.exports import Contents, template
from edgecnn.exports.compiler import CompilerOptions

if TYPE_CHECKING:
    from edgecnn.runtime.model.contract import Contract
    from edgecnn.runtime.model.model_file import ModelFile

SUMMARY = "a folder for Sony's converter (Raspberry Pi AI Camera)"
NOTE = (
    "Sony's Model Compression Toolkit and IMX500 converter (pip, Java 17) are not run by edgecnn, and its tests have "
    "not run them. The folder holds what they take: quantize.py and the README's commands run them."
)


@dataclass(frozen=True)
class Options(CompilerOptions):
    """The same, and the Keras model."""

    keras: Path | None = option(
        "The float model that the artifact was made from; needed.", metavar="MODEL.keras", default_help="none"
    )


def contents(file: ModelFile, options: Options) -> Contents:
    """The Keras model, calibration images, the scripts and labels; see `edgecnn.exports.ExportKind`."""
    from edgecnn.exports import compiler
    from edgecnn.exports.model_json import classifier_of, model_json

    contract = classifier_of(file)
    keras = _keras(options.keras, contract, file.name)
    images = compiler.calibration_images(contract, options)
    name = template.plain(contract.name)
    return Contents(
        {
            "model.keras": keras,
            "model.json": model_json(contract),
            "quantize.py": template.read("imx500/quantize.py.j2"),
            "labels.txt": template.label_lines(contract.labels),
            "README.md": template.filled("imx500/README.md.j2", name=name, count=str(len(images))),
            **images,
        },
        notes=(NOTE, *contract.assumed),
    )


def _keras(path: Path | None, contract: Contract, name: str) -> bytes:
    """The Keras file, whose contract must be the artifact's in all that a user of both sees.

    Raises:
        UsageError: it isn't given, or it is of another model.
    """
    from edgecnn.float_model import keras_file
    from edgecnn.runtime.regular_file import read_regular

    if path is None or path.suffix != ".keras":
        raise UsageError(
            f"Sony's tools quantize a Keras model; received {path}. Give that of {name}: --keras MODEL.keras"
        )
    _, found = keras_file.load(path)
    if found is None or found.preprocessing != contract.preprocessing or found.labels != contract.labels:
        raise UsageError(
            f"{path} isn't the model that {name} was made from: input, preprocessing or labels differ. Give the one "
            "that was quantized."
        )
    return read_regular(path, 2 << 30)
