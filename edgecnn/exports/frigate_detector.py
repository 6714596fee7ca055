"""A detector for Frigate.

Frigate cuts a square out of the camera's image, resizes it to the model's input, sets the bytes as they are, and reads
boxes, classes, scores and their number in this order, with the labels of labelmap.txt. Source:
https://github.com/blakeblackshear/frigate/tree/dev/frigate/detectors (plugins/cpu_tfl.py and edgetpu_tfl.py).
"""

from __future__ import annotations

import dataclasses

from edgecnn.core.errors import UsageError
from edgecnn.core.text import printable
from edgecnn.exports import Contents, template
from edgecnn.exports.adapted import byte_steps, taking_bytes, with_contract
from edgecnn.runtime.model.foreign_detector import ORDER
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.run.engine import Interface
from edgecnn.runtime.run.program import safe_threads
from edgecnn.runtime.tasks.detection import BOXES

_STEPS = 1  # a mean of 127.5 can't be met by a zero point, which is whole
_THREADS = 3  # of Frigate's detector for the processor, by default


def contents(file: ModelFile) -> Contents:
    """The model, its labels and how to configure Frigate.

    Raises:
        UsageError: Frigate would misread it; the message says how to make one that it doesn't.
    """
    check(file)
    contract = taking_bytes(file.contract, Interface(file))
    seen = dataclasses.replace(contract.preprocessing, resize="bilinear", fit="stretch", crop=1.0)
    adapted = with_contract(file, contract.replace(preprocessing=seen))
    labels = [" ".join(printable(label).split()) for label in contract.labels]
    threads = safe_threads(file.model.graph, _THREADS)
    places = {
        "name": template.plain(contract.name),
        "width": str(seen.width),
        "height": str(seen.height),
        "color": seen.color,
        "threads": str(threads),
        "labels": ", ".join(map(template.plain, labels[:20])) + (", ..." if len(labels) > 20 else ""),
    }
    return Contents(
        {
            "model.tflite": adapted.data,
            # With its number each label is read as it is, also one that begins with a digit.
            "labelmap.txt": "".join(f"{number} {label}\n" for number, label in enumerate(labels)).encode(
                "utf-8", "replace"
            ),
            "README.md": template.filled("frigate_detector.md.j2", **places),
        },
        notes=(*contract.assumed, *_notes(file, threads)),
    )


def check(file: ModelFile) -> None:
    """Refuse what Frigate would load and then misread.

    Raises:
        UsageError: the model isn't as Frigate needs it.
    """
    contract, interface = file.contract, Interface(file)
    if contract.output != BOXES:
        raise UsageError(
            f"{file.name} gives raw heads; Frigate expects boxes, classes, scores and their number. Quantize it "
            "without --raw."
        )
    if list(contract.extra.get(ORDER) or range(4)) != [*range(4)]:
        raise UsageError(
            f"{file.name} has its outputs in another order than boxes, classes, scores and count, which Frigate takes."
        )
    if contract.preprocessing.color not in ("rgb", "bgr") or byte_steps(interface) > _STEPS:
        raise UsageError(
            f"{file.name} doesn't take the bytes of a color image as they are, as Frigate gives them. Quantize it "
            "again: edgecnn quantize MODEL.keras -o MODEL.tflite --scheme int8 --io uint8."
        )
    if not contract.labels:
        raise UsageError(f"{file.name} has no labels, which Frigate needs. Give them: --labels FILE.")


def _notes(file: ModelFile, threads: int) -> list[str]:
    how = file.contract.preprocessing
    notes = [f"Frigate reads the best 20 boxes with a score of at least 0.4, in squares of {how.width} x {how.height}."]
    if threads < _THREADS:
        notes.append("With several threads LiteRT loses a class of this model: the README sets num_threads to 1.")
    return notes
