"""What an exported program must know of a model, as JSON beside it."""

from __future__ import annotations

from edgecnn.core.errors import UsageError
from edgecnn.exports import template
from edgecnn.runtime.model.contract import TASK, Contract
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.rejection import Rejection
from edgecnn.runtime.run.engine import Interface


def classifier_of(file: ModelFile) -> Contract:
    """The contract of a classifier that fits its file.

    Raises:
        UsageError: the model is for another task.
        ModelFileError: input or output differ from the contract's.
    """
    if file.contract.task != TASK:
        raise UsageError(
            f"{file.name} is for the task {file.contract.task}; this export is for {TASK}. Detectors are exported with "
            "--for frigate; MediaPipe's ObjectDetector (Android, iOS, Python) takes their .tflite file as it is."
        )
    return Interface(file).contract


def model_json(contract: Contract, **more: object) -> bytes:
    """Name, preprocessing, kind of output, labels and rejection, in ASCII, so that nothing in a label can end a text.

    Args:
        contract: of the model.
        more: what else the program needs.
    """
    return template.ascii_json(
        {
            "name": contract.name,
            "preprocessing": contract.preprocessing.to_dict(),
            "output": contract.output,
            "labels": list(contract.labels),
            "rejection": _rejection(contract.rejection),
            **more,
        }
    )


def _rejection(rejection: Rejection | None) -> dict[str, object] | None:
    """What decides that the answer is "none of these"."""
    if rejection is None:
        return None
    return {name: getattr(rejection, name) for name in ("score", "threshold", "temperature", "background")}
