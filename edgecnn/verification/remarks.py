"""What a reader of a verification should know besides its figures."""

from __future__ import annotations

from edgecnn.core.statistics import Share
from edgecnn.tasks.task import Task
from edgecnn.verification.input_check import BetterInput

_UNLIKE_DB = 6.0  # the difference has half the size of the outputs; int8 that is bad at all has 10 dB and more


def remarks(task: Task, parts_agree: Share | None, snr_db: float, better: BetterInput | None) -> list[str]:
    """In sentences.

    Args:
        task: of both models.
        parts_agree: see `Verification`.
        snr_db: of the artifact's outputs.
        better: an input with which it would be better.
    """
    found = [better.sentence()] if better else []
    if task.part and parts_agree is None:
        found.append(f"No {task.part} of either model has a score of 0.5: their agreement says nothing.")
    if snr_db < _UNLIKE_DB:
        found.append(
            f"The outputs differ by more than half of what they are ({snr_db:.1f} dB). Is this the float model that "
            "the artifact was made from?"
        )
    return found
