"""`edgecnn deploy --device local`: the whole way of a version, with a double of systemd."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import stat
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import systemd_double

from edgecnn import artifact
from edgecnn.camera.settings import DemoOptions
from edgecnn.deployment.deploying import control, deploy, list_deployments, logs
from edgecnn.deployment.settings import Boards, LogSettings, Target
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine

HERE = Target(device=("local",))
UNIT = "edgecnn-camera.service"
T = TypeVar("T")


def options(model: str | Path, video: str, *sinks: str) -> DemoOptions:
    return DemoOptions(str(model), source=video, loop=True, sinks=("jsonl", *sinks), smooth_s=0.0)


def answers(home: Path) -> list[str]:
    """What the service has answered so far."""
    path = home / ".cache/edgecnn-camera/answers.jsonl"
    return [json.loads(line)["label"] for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(what: Callable[[], T], timeout_s: float = 120) -> T:
    end = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


def asked(request: urllib.request.Request) -> dict[str, object]:
    """The answer, once there is one: a service that was interrupted comes up again."""
    with contextlib.suppress(urllib.error.URLError):
        found: dict[str, object] = json.load(urllib.request.urlopen(request))
        return found
    return {}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def with_other_vectors(model: str, path: Path) -> Path:
    """The same model, whose golden vectors are in another order: no machine gives these answers."""
    file = model_file.read(model)
    vectors = golden.make(Engine(file))
    wrong = dataclasses.replace(vectors, outputs=vectors.outputs[1:] + vectors.outputs[:1])
    artifact.write(path, artifact.graph_bytes(file), file.contract.replace(golden=wrong))
    return path


def test_the_life_of_a_deployment(board: Path, models: tuple[str, str], video: str, tmp_path: Path) -> None:
    english, german = models
    port, token = free_port(), tmp_path / "token.txt"
    token.write_text("s3cret-t0ken\n")
    web = f"http:{port},token={token}"
    (first,) = deploy(options(english, video, web), HERE)
    assert not first.error and first.golden and first.golden.passed
    assert (first.deployments[0].state, first.deployments[0].model) == ("active", "english")
    assert first.deployments[0].at_boot and not first.deployments[0].on_trial

    request = urllib.request.Request(f"http://127.0.0.1:{port}/last", headers={"Authorization": "Bearer s3cret-t0ken"})
    assert wait_for(lambda: asked(request))["label"] in ("red", "green")
    if restarts := systemd_double.state(board, UNIT)["NRestarts"]:
        warnings.warn(f"The service ended {restarts} times.\n{systemd_double.log(board, UNIT)}", stacklevel=1)
    secrets = [path for path in board.rglob("*") if path.is_file() and b"s3cret-t0ken" in path.read_bytes()]
    assert [path.parent.name for path in secrets] == ["credentials"]
    assert stat.S_IMODE(secrets[0].stat().st_mode) == 0o600

    (refused,) = deploy(options(with_other_vectors(english, tmp_path / "wrong.tflite"), video), HERE)
    assert "gives other answers there than on the host" in refused.error and not refused.deployments
    (failed,) = deploy(options(german, "/no/such/video.avi"), HERE)
    assert "did not come up" in failed.error and "is not a camera" in failed.error, failed.error
    assert "The version before it runs again." in failed.error
    before = len(answers(board))
    wait_for(lambda: answers(board)[before:])
    assert set(answers(board)) <= {"red", "green"}, "the old one answers"

    (second,) = deploy(options(german, video), HERE)
    assert not second.error and second.deployments[0].model == "german"
    assert second.deployments[0].previous == first.deployments[0].version
    wait_for(lambda: "rot" in answers(board))
    assert any("german looks at v.avi" in line for line in logs(HERE, LogSettings()))

    (back,) = control("rollback", HERE)
    assert (back.deployments[0].model, back.deployments[0].previous) == ("english", second.deployments[0].version)
    (stopped,) = control("stop", HERE)
    assert (stopped.deployments[0].state, stopped.deployments[0].at_boot) == ("inactive", False)
    listed, away = list_deployments(Boards(device=("local", "nowhere.invalid")))
    assert [each.name for each in listed.deployments] == ["camera"]
    assert "nowhere.invalid" in away.error
    (started,) = control("start", HERE)
    assert (started.deployments[0].state, started.deployments[0].at_boot) == ("active", True)

    (removed,) = control("remove", HERE)
    assert removed.deployments[0].state == "removed"
    left = {str(path.relative_to(board)) for path in board.rglob("*") if ".systemd-double" not in str(path)}
    assert left <= {".cache", ".cache/edgecnn", ".config", ".config/systemd", ".config/systemd/user",
                    ".local", ".local/share", ".local/share/edgecnn"}  # fmt: skip
    assert systemd_double.calls(board)[-1].startswith("loginctl disable-linger")
    (gone,) = control("stop", HERE)
    assert "There is no deployment camera of this user" in gone.error
