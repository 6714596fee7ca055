"""A stand-in Pi per test process, and device names that lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fake_pi
import pytest
from requirements import stand_in_pi

from edgecnn.devices import known, open_device
from edgecnn.devices.ssh_device import SshDevice


@pytest.fixture(scope="session")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fake_pi.FakePi]:
    """A Pi 4 that all tests of this process share; tests that break something make their own with `spare_pi`."""
    stand_in_pi()
    with fake_pi.running(tmp_path_factory.mktemp("pi") / "board") as board:
        yield board


@pytest.fixture(scope="session", params=sorted(fake_pi.BOARDS))
def each_pi(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[fake_pi.FakePi]:
    """A Pi 3, 4 and 5."""
    stand_in_pi()
    with fake_pi.running(tmp_path_factory.mktemp(request.param) / "board", request.param) as board:
        yield board


@pytest.fixture
def spare_pi(tmp_path: Path) -> Iterator[fake_pi.FakePi]:
    """A Pi 4 of one test's own; it costs a quarter of a second."""
    stand_in_pi()
    with fake_pi.running(tmp_path / "board") as board:
        yield board


@pytest.fixture
def bare_pi(tmp_path: Path) -> Iterator[fake_pi.FakePi]:
    """A Pi 4 as it comes: Python, but neither NumPy nor LiteRT."""
    stand_in_pi()
    with fake_pi.running(tmp_path / "board", packages=False) as board:
        yield board


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's own list of boards."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def reach(config: Path):
    """Open a stand-in by a name in devices.toml."""

    def open_it(board: fake_pi.FakePi, name: str = "fake-pi", **changes: str) -> SshDevice:
        entry = {"target": board.target, "ssh_config": str(board.ssh_config), **changes}
        known.add(known.Entry(name, **entry))
        device = open_device(name, note=lambda message: notes.append(message))
        device.notes = notes
        return device

    notes: list[str] = []
    return open_it
