"""Swift that runs the model by MediaPipe Tasks on iOS, whose scores are probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.options import NoOptions
from edgecnn.exports import Contents, template

if TYPE_CHECKING:
    from edgecnn.runtime.model.model_file import ModelFile

SUMMARY = "Swift for an iOS app with MediaPipe Tasks"


def contents(file: ModelFile, options: NoOptions) -> Contents:
    """The model with probabilities, and Swift with its names; see `edgecnn.exports.ExportKind`."""
    from edgecnn.exports import mediapipe

    adapted = mediapipe.classifier(file)
    name = mediapipe.identifier(file.contract.name)
    places = mediapipe.places(adapted, name, mediapipe.swift_string)
    readme = {"name": template.plain(file.contract.name), "file": f"{name}.tflite"}
    return Contents(
        {
            f"{name}.tflite": adapted.data,
            "Classifier.swift": template.filled("ios/Classifier.swift.j2", **places),
            "Podfile": template.read("ios/Podfile.j2"),
            "README.md": template.filled("ios/README.md.j2", **readme),
        },
        notes=mediapipe.notes(file, adapted),
    )
