"""`edgecnn deploy --device local`: the whole way of a version, with a double of systemd."""

from __future__ import annotations

import json
import time
from pathlib import Path

import systemd_double

from edgecnn.camera.settings import DemoOptions
from edgecnn.deployment.deploying import control, deploy, list_deployments
from edgecnn.deployment.settings import Boards, Target

HERE = Target(device=("local",))
UNIT = "edgecnn-camera.service"
SINK = "jsonl:answers.jsonl"


def options(model: str, video: str, **changes: object) -> DemoOptions:
    return DemoOptions(model, source=video, loop=True, sinks=(SINK,), smooth_s=0.0, **changes)  # type: ignore[arg-type]


def answers(home: Path) -> list[str]:
    """What the service has answered so far."""
    path = home / ".cache/edgecnn-camera/answers.jsonl"
    return [json.loads(line)["label"] for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(what, timeout_s: float = 20):
    end = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


def test_the_life_of_a_deployment(board: Path, models: tuple[str, str], video: str) -> None:
    english, german = models
    (first,) = deploy(options(english, video), HERE)
    assert not first.error and first.golden and first.golden.passed
    assert (first.deployments[0].state, first.deployments[0].model) == ("active", "english")
    assert first.deployments[0].at_boot and not first.deployments[0].on_trial
    wait_for(lambda: "red" in answers(board))

    (second,) = deploy(options(german, video), HERE)
    assert not second.error and second.deployments[0].model == "german"
    assert second.deployments[0].previous == first.deployments[0].version
    wait_for(lambda: "rot" in answers(board))

    (back,) = control("rollback", HERE)
    assert (back.deployments[0].model, back.deployments[0].previous) == ("english", second.deployments[0].version)
    (stopped,) = control("stop", HERE)
    assert (stopped.deployments[0].state, stopped.deployments[0].at_boot) == ("inactive", False)
    (listed,) = list_deployments(Boards(device=("local",)))
    assert [each.name for each in listed.deployments] == ["camera"]
    (started,) = control("start", HERE)
    assert (started.deployments[0].state, started.deployments[0].at_boot) == ("active", True)

    (removed,) = control("remove", HERE)
    assert removed.deployments[0].state == "removed"
    left = {str(path.relative_to(board)) for path in board.rglob("*") if ".systemd-double" not in str(path)}
    assert left <= {".cache", ".cache/edgecnn", ".config", ".config/systemd", ".config/systemd/user",
                           ".local", ".local/share", ".local/share/edgecnn"}  # fmt: skip
    assert systemd_double.calls(board)[-1].startswith("loginctl disable-linger")
