"""One line of JSON per answer, for programs that read along."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from edgecnn.camera.capture import Capture, Counts
from edgecnn.camera.recognize import Answer


class JsonLines:
    """A view that writes lines, each a JSON object."""

    def __init__(self, capture: Capture, write: Callable[[str], None]) -> None:
        self._capture, self._write = capture, write

    def show(self, answer: Answer) -> None:
        """Write an answer."""
        self._write(json.dumps(line(answer, self._capture.counts), ensure_ascii=False))

    def close(self) -> None:
        """Nothing to close."""


def located(answer: Answer) -> dict[str, Any]:
    """Of a detector's answer: the size of the image that `pixels` refer to, and what is counted."""
    if answer.scene is None:
        return {}
    height, width = answer.frame.picture.shape[:2]
    return {"width": width, "height": height, "objects": answer.scene.to_json()}


def line(answer: Answer, counts: Counts) -> dict[str, Any]:
    """The answer and the counts so far."""
    return {
        "frame": answer.frame.number,
        "time_s": round(answer.frame.time_s, 4),
        **({"picture": answer.frame.name} if answer.frame.name else {}),
        "label": answer.text,
        "sure": answer.sure,
        "classes": answer.classes,
        **located(answer),
        "latency_ms": round(answer.latency_ms, 3),
        "stages_ms": {stage: round(value, 3) for stage, value in answer.stages_ms.items()},
        "captured": counts.captured,
        "dropped": counts.dropped,
        "inferred": counts.inferred,
        "corrupt": counts.corrupt,
    }
