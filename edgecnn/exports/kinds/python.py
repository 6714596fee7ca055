"""A Python file with no dependency but the TFLite runtime, NumPy and Pillow, that answers what `classify` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.options import NoOptions
from edgecnn.exports import Contents, template

if TYPE_CHECKING:
    from edgecnn.runtime.model.model_file import ModelFile

SUMMARY = "one Python file that needs only LiteRT, NumPy and Pillow"


def contents(file: ModelFile, options: NoOptions) -> Contents:
    """The script, which reads everything about the model from `model.json`; see `edgecnn.exports.ExportKind`."""
    from edgecnn.exports.model_json import classifier_of, model_json

    contract = classifier_of(file)
    return Contents(
        {
            "classify.py": template.read("classify.py.j2"),
            "model.json": model_json(contract),
            "model.tflite": file.data,
            "README.md": template.filled("python.md.j2", name=template.plain(contract.name)),
        },
        notes=contract.assumed,
    )
