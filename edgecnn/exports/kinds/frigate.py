"""A detector for Frigate, see `edgecnn.exports.frigate_detector`, or a custom classifier of Frigate 0.17.

For a classifier Frigate stretches its crop to 224 x 224 pixels (bilinear), sets the red-green-blue bytes as they are,
takes the first output, divides it by its sum, and names the best by a line of labelmap.txt.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError
from edgecnn.core.options import NoOptions
from edgecnn.exports import Contents, template

if TYPE_CHECKING:
    from edgecnn.runtime.model.model_file import ModelFile

SUMMARY = "a detector or custom classifier of Frigate (home security cameras)"
SIDE = 224
_MANY = 256
_NOTHING = "none"
"""The class that Frigate assigns to nothing."""
_SURE = 0.8


def contents(file: ModelFile, options: NoOptions) -> Contents:
    """The model, a classifier with a softmax in its graph, and its labels; see `edgecnn.exports.ExportKind`."""
    from edgecnn.exports import frigate_detector
    from edgecnn.exports.adapted import giving_probabilities, rejection_notes, threshold_of
    from edgecnn.runtime.tasks.detection import TASK as DETECTION

    if file.contract.task == DETECTION.name:
        return frigate_detector.contents(file)
    check(file)
    before = file.contract.preprocessing
    seen = dataclasses.replace(before, resize="bilinear", fit="stretch", crop=1.0)
    adapted = giving_probabilities(file, preprocessing=seen)
    nothing = file.contract.rejection.background if file.contract.rejection else ()
    labels = [_NOTHING if label in nothing else label for label in file.contract.labels]
    threshold = f"{threshold_of(adapted.contract, _SURE):g}"
    return Contents(
        {
            "model.tflite": adapted.data,
            "labelmap.txt": template.label_lines(labels),
            "README.md": template.filled("frigate.md.j2", name=template.plain(file.contract.name), threshold=threshold),
        },
        notes=(*file.contract.assumed, *_notes(file), *rejection_notes(file, adapted, "Frigate")),
    )


def check(file: ModelFile) -> None:
    """Refuse what Frigate would load and then misread.

    Raises:
        UsageError: the model isn't as Frigate needs it; the message says how to make one that is.
    """
    import numpy as np

    from edgecnn.exports.adapted import byte_steps
    from edgecnn.exports.model_json import classifier_of
    from edgecnn.runtime.model.output_kind import LOGITS, PROBABILITIES
    from edgecnn.runtime.run.engine import Interface

    contract = classifier_of(file)
    how, interface = contract.preprocessing, Interface(file)
    quantize = "Quantize it again: edgecnn quantize MODEL.keras -o MODEL.tflite --scheme int8 --io uint8."
    if how.shape != (SIDE, SIDE, 3) or how.color != "rgb":
        raise UsageError(
            f"{file.name} takes {how.width} x {how.height} {how.color} images; Frigate gives {SIDE} x {SIDE} rgb. Make "
            f"one: edgecnn build NAME --input-size {SIDE} -o MODEL.keras, train it, and quantize it."
        )
    if byte_steps(interface):
        raise UsageError(
            f"{file.name} doesn't take the bytes of an image as they are, as Frigate gives them. {quantize}"
        )
    if interface.output.dtype != np.uint8:
        raise UsageError(f"{file.name} gives {interface.output.dtype}; Frigate expects uint8. {quantize}")
    if contract.output not in (LOGITS, PROBABILITIES):
        raise UsageError(
            f"{file.name} gives {contract.output}; Frigate needs classes that exclude each other. Train it with one "
            "output per class, at least two."
        )
    if not contract.labels:
        raise UsageError(f"{file.name} has no labels, which Frigate needs. Give them: --labels FILE.")


def _notes(file: ModelFile) -> list[str]:
    how, notes = file.contract.preprocessing, []
    if how.fit != "stretch":
        notes.append(
            f"Frigate stretches the whole crop to {SIDE} x {SIDE}; this model's own images are fitted by {how.fit}. "
            "Check its answers: the exported contract says stretch, so `edgecnn classify` shows what Frigate would."
        )
    if len(file.contract.labels) > _MANY:
        notes.append(
            f"Of {len(file.contract.labels):,} classes, all may round to 0 where the model is unsure (a step is 1/256)."
        )
    return notes
