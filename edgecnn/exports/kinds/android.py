"""A minimal Android project that runs the model by MediaPipe Tasks, whose scores are probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.options import NoOptions
from edgecnn.exports import Contents, template

if TYPE_CHECKING:
    from edgecnn.runtime.model.model_file import ModelFile

SUMMARY = "an Android project with MediaPipe Tasks (Kotlin)"
_SOURCES = "app/src/main/java/com/example/classifier"
_PLAIN = {
    "settings.gradle.kts": "settings.gradle.kts.j2",
    "build.gradle.kts": "build.gradle.kts.j2",
    "gradle.properties": "gradle.properties.j2",
    "app/build.gradle.kts": "app.gradle.kts.j2",
    "app/src/main/AndroidManifest.xml": "AndroidManifest.xml.j2",
    f"{_SOURCES}/MainActivity.kt": "MainActivity.kt.j2",
}


def contents(file: ModelFile, options: NoOptions) -> Contents:
    """The model with probabilities, and Kotlin with its names; see `edgecnn.exports.ExportKind`."""
    from edgecnn.exports import mediapipe

    adapted = mediapipe.classifier(file)
    name = mediapipe.identifier(file.contract.name)
    places = mediapipe.places(adapted, f"{name}.tflite", mediapipe.kotlin_string)
    readme = {"name": template.plain(file.contract.name), "file": f"{name}.tflite"}
    return Contents(
        {
            f"app/src/main/assets/{name}.tflite": adapted.data,
            f"{_SOURCES}/Classifier.kt": template.filled("android/Classifier.kt.j2", **places),
            **{place: template.read(f"android/{source}") for place, source in _PLAIN.items()},
            "README.md": template.filled("android/README.md.j2", **readme),
        },
        notes=mediapipe.notes(file, adapted),
    )
