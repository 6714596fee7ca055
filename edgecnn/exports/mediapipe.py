"""What MediaPipe Tasks takes, on Android and iOS: probabilities as scores, the standard metadata, and names in code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from edgecnn.core.errors import UsageError
from edgecnn.core.text import printable
from edgecnn.exports.adapted import giving_probabilities, rejection_notes, threshold_of
from edgecnn.exports.model_json import classifier_of
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.output_kind import BINARY
from edgecnn.runtime.run.engine import Interface

LISTED = 100
"""So many labels, the first, are written into code; all are in the model."""
_TYPES = ("uint8", "float32")
_UNSURE = 0.3  # the score threshold of a model that has no threshold of its own
_ESCAPES: Mapping[str, str] = {"\\": "\\\\", '"': '\\"'}


def classifier(file: ModelFile) -> ModelFile:
    """The same model as MediaPipe's ImageClassifier takes it: probabilities as output, one line a label.

    Raises:
        UsageError: it has tensors, or an output, that MediaPipe doesn't take.
    """
    contract, interface = classifier_of(file), Interface(file)
    types = {interface.input.dtype.name, interface.output.dtype.name}
    if not types <= set(_TYPES) or contract.preprocessing.color != "rgb":
        raise UsageError(
            f"{file.name} takes {contract.preprocessing.color} images and has tensors of type "
            f"{', '.join(sorted(types))}; MediaPipe takes rgb and uint8 or float32. Quantize the model again with "
            "--io uint8 or --io float32."
        )
    if contract.output in BINARY:
        raise UsageError(
            f"{file.name} gives one number for two classes; MediaPipe expects a score for each class. Train it with "
            "two outputs."
        )
    labels = tuple(" ".join(printable(label).split()) for label in contract.labels)
    return giving_probabilities(file, labels=labels)


def places(adapted: ModelFile, model: str, literal: Callable[[str], str]) -> dict[str, str]:
    """What a template of code is filled with.

    Args:
        adapted: what `classifier` gave.
        model: how the code names its file.
        literal: a text as the language writes it.
    """
    contract, how = adapted.contract, adapted.contract.preprocessing
    return {
        "model": literal(model),
        "title": literal(contract.name),
        "labels": ", ".join(map(literal, contract.labels[:LISTED])),
        "width": str(how.width),
        "height": str(how.height),
        "crop": repr(how.crop if how.fit == "crop" else 0.0),
        "threshold": repr(threshold_of(contract, _UNSURE)),
    }


def notes(file: ModelFile, adapted: ModelFile) -> tuple[str, ...]:
    """What MediaPipe does otherwise than `edgecnn classify`."""
    how, found = file.contract.preprocessing, (*file.contract.assumed, *rejection_notes(file, adapted, "MediaPipe"))
    if how.fit == "stretch":
        return found
    return (
        *found,
        f"MediaPipe stretches images to the input; this model's own are fitted by {how.fit}. "
        + ("The code in the folder crops them." if how.fit == "crop" else "Pad them before."),
    )


def identifier(name: str) -> str:
    """A name for files and in code: ASCII letters, digits and underscores, beginning with a letter."""
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60]
    return found if found[:1].isalpha() else f"model_{found}".rstrip("_")


def kotlin_string(text: str) -> str:
    """A string literal of Kotlin, in ASCII; there `$` would begin a template."""
    return _literal(text, {**_ESCAPES, "$": "\\$"}, lambda each: "".join(f"\\u{unit:04x}" for unit in _utf16(each)))


def swift_string(text: str) -> str:
    """A string literal of Swift, in ASCII; no interpolation begins, since every backslash is doubled."""
    return _literal(text, _ESCAPES, lambda each: f"\\u{{{ord(each):x}}}")


def _literal(text: str, escapes: Mapping[str, str], other: Callable[[str], str]) -> str:
    """Between quotes; half of a surrogate pair, which no string may hold, becomes U+FFFD."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return '"' + "".join(escapes.get(each) or (each if " " <= each <= "~" else other(each)) for each in whole) + '"'


def _utf16(character: str) -> Iterable[int]:
    octets = character.encode("utf-16-be")
    return (int.from_bytes(octets[place : place + 2], "big") for place in range(0, len(octets), 2))
