"""What a board's demo may tell: a hostile one changes nothing but the words on the screen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from json_mutants import CONTROL, mutants

from edgecnn.camera import events
from edgecnn.cli import demo
from edgecnn.core.errors import EdgecnnError
from edgecnn.devices import answers

STAGES = {"capture": 1.0, "resize": 0.5, "wait": 0.1, "invoke": 9.25, "postprocess": 0.2}
SOUND: dict[str, dict[str, Any]] = {
    "ready": {"ready": {"source": "a camera", "port": 8000, "notes": ["Its labels are numbers."]}},
    "line": {"line": {"frame": 1, "label": "cat", "sure": True, "classes": [{"label": "cat", "probability": 0.9}]}},
    "summary": {
        "summary": {
            "model": "m.tflite", "source": "a camera", "ended": "stopped", "seconds": 3.5,
            "counts": {"captured": 9, "dropped": 1, "inferred": 8, "corrupt": 0, "reconnects": 0},
            "answers": 8, "fps": 3.1, "latency_ms": {"median": 11.0, "p95": 12.0, "p99": 13.0},
            "stages_median_ms": STAGES, "warmup": 5, "threads": 2, "delegate": "cpu", "device": {"board": None},
            "recording": None,
        }
    },
    "error": {"error": {"kind": "CameraError", "message": "No camera was found.\n  No USB camera."}},
}  # fmt: skip


def use(raw: bytes, capsys: pytest.CaptureFixture[str]) -> str:
    """What reaches the terminal."""
    event, value = events.read(raw, "board")
    if event == "line":
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if event == "ready":
        return f"{value.source} {value.port + 1} {' '.join(value.notes)}"
    if event == "error":
        raise answers.problem(value, "board")
    if event == "summary":
        demo._show(value, quietly=False)
        return "".join(capsys.readouterr())
    return ""


@pytest.mark.parametrize("name", ["ready", "line", "summary"])
def test_a_sound_event_is_taken(name: str) -> None:
    event, value = events.read(json.dumps(SOUND[name]).encode(), "board")
    assert event == name
    values = value if isinstance(value, dict) else value.to_dict()
    assert values == SOUND[name][name]


@pytest.mark.parametrize("name", sorted(SOUND))
def test_mutants(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for number, text in enumerate(mutants(SOUND[name], 150, seed=name)):
        try:
            said = use(text.encode(errors="surrogatepass"), capsys)
        except EdgecnnError as error:
            said = str(error)
        except Exception as error:
            pytest.fail(f"mutant {number} of {name}: {error!r}: {text[:2000]}")
        assert not CONTROL.search(said), f"mutant {number} of {name} writes {said[:200]!a}"


def test_a_greeting_is_no_event() -> None:
    assert events.read(b"Welcome to Debian \x1b[0m", "board") == ("", None)
    assert events.read(b"", "board") == ("", None)
