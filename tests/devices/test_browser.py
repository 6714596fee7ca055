"""Browsers and phones as devices: a real Chromium here, and one that plays a phone; same bytes, same statistics."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_models
from chromium import Chromium
from fake_pi import FakePi
from requirements import litertjs_folder, needs_chromium, unavailable
from small_graphs import Graph

from edgecnn.core.errors import DeviceError, ModelFileError, UsageError
from edgecnn.devices import known, open_device, unaddressed
from edgecnn.devices.browser.device import BrowserDevice
from edgecnn.devices.browser.user_agent import browser_of, system_of
from edgecnn.devices.fix import examine
from edgecnn.devices.ssh_device import SshDevice
from edgecnn.profiling import profile
from edgecnn.profiling.compare import compare
from edgecnn.profiling.sustained import sustain
from edgecnn.profiling.text import remarks
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine, Interface
from edgecnn.verification import verify
from edgecnn.web import litertjs
from edgecnn.web.addresses import is_loopback, own_address

pytestmark = needs_chromium
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36"
)


@pytest.fixture(scope="module", autouse=True)
def runtime() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(litertjs.FOLDER_VARIABLE, str(litertjs_folder()))
        yield


@pytest.fixture(scope="module")
def browser(runtime: None) -> Iterator[BrowserDevice]:
    """A headless Chromium that several tests share."""
    with open_device("browser", note=lambda text: None) as device:
        yield device


@pytest.fixture(scope="module")
def artifact() -> ModelFile:
    return tiny_models.classifier(8, unsigned=True)


def tensors_for(file: ModelFile, count: int) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (1, tiny_models.SIDE, tiny_models.SIDE, 3), np.uint8) for _ in range(count)]


def test_a_profile_tells_runtime_and_browser(browser: BrowserDevice, artifact: ModelFile) -> None:
    counts = [1, 2] if browser.run("info")["system"]["cores"] > 1 else [1]
    found = profile(artifact, browser, threads=counts, runs=20, warmup=2)
    assert [row.measurement.threads for row in found.rows] == counts
    assert all(row.measurement.runs == 20 and row.measurement.latency_ms.median > 0 for row in found.rows)
    assert found.golden is not None and found.golden.identical == found.golden.count == 4
    threads = "1 and 2 threads" if len(counts) == 2 else "1 thread"
    assert found.system["runtime"] == f"LiteRT.js {litertjs.VERSION}, WebAssembly, XNNPACK, {threads}"
    assert found.system["browser"].startswith("Chromium (headless) ") and "HeadlessChrome" in found.system["user_agent"]
    assert found.system["python"] is None and not found.emulated
    assert found.rows[0].measurement.before["load_1min"] is not None, "this machine's own load explains noise"
    assert type(found).from_dict(found.to_dict()) == found
    text = "\n".join(remarks([found]))
    assert "LiteRT.js" in text and "Golden vectors on browser: all 4 outputs are identical" in text
    assert "governor" not in text and "memory of WebAssembly" in text


def test_host_board_and_browser_give_the_same_bytes(
    browser: BrowserDevice, pi: FakePi, reach: Callable[..., SshDevice], artifact: ModelFile
) -> None:
    """An int8 model, its golden vectors and other images: x86, an emulated Cortex-A72, and WebAssembly."""
    tensors, engine = tensors_for(artifact, 6), Engine(artifact, 1)
    here = [engine.invoke(tensor).tobytes() for tensor in tensors]
    with reach(pi) as board, board.session(artifact) as on_board, browser.session(artifact) as in_browser:
        for run in (on_board, in_browser):
            assert [output.tobytes() for output in run(tensors)] == here
            found = golden.replay(Interface(artifact), run)
            assert found.identical == found.count == 4


def test_verification_in_a_browser_is_the_hosts(
    browser: BrowserDevice, artifact: ModelFile, picture_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(artifact.data)
    data = str(picture_folder / "ant")
    here = verify(path, path, data, device="there")
    with browser.session(model_file.read(path)) as session:
        assert verify(path, path, data, device="there", runner=session) == here
    assert here.golden is not None and here.golden.identical == here.golden.count


def test_two_models_in_turns_and_one_without_a_pause(browser: BrowserDevice, artifact: ModelFile) -> None:
    other = tiny_models.classifier(64, unsigned=True)
    found = compare(artifact, other, browser, threads=1, runs=5, warmup=1, budget=20)
    assert found.rounds >= 10 and found.ratio < 1 and found.clock == "wall"
    windows = sustain(artifact, browser, 1, threads=1, warmup=1).windows
    assert windows[-1].end_s >= 1 and all(window.fps > 0 for window in windows)


def test_the_check_of_a_browser(browser: BrowserDevice) -> None:
    found = {entry.topic: entry for entry in examine(browser).findings}
    assert "Chromium" in found["browser"].value and "cross-origin isolated" in found["threads"].value
    assert all(entry.level == "ok" for entry in found.values())
    with pytest.raises(UsageError, match="nothing to be installed"):
        examine(browser, mend=True)
    assert list(unaddressed()) == ["local", "adb", "browser", "phone"]


def test_what_a_browser_cannot_do_is_refused(browser: BrowserDevice, artifact: ModelFile) -> None:
    with pytest.raises(UsageError, match=r"type int8.*--io uint8"):
        profile(tiny_models.classifier(), browser)
    with pytest.raises(UsageError, match="can't time operators"):
        browser.run("per_op", [artifact, artifact])
    with pytest.raises(UsageError, match="Remove --delegate"):
        profile(artifact, browser, delegate="edgetpu")
    with pytest.raises(DeviceError, match="Use --threads"):
        profile(artifact, browser, threads=200)
    with pytest.raises(UsageError, match="Expected browser"):
        open_device("browser://netscape")


def custom(name: str) -> ModelFile:
    """A graph of one operator that no runtime has."""
    made = Graph()
    source, result = made.tensor("in", (1, 4), "f4"), made.tensor("out", (1, 4), "f4")
    made.operator("CUSTOM", [source], [result])
    made.model.operatorCodes[0].customCode = name
    return model_file.any_from_bytes(made.build([source], [result]), f"{name}.tflite")


def test_custom_operators(browser: BrowserDevice, artifact: ModelFile) -> None:
    with pytest.raises(UsageError, match="compiled for a Coral Edge TPU"):
        profile(custom("edgetpu-custom-op"), browser)
    with pytest.raises(ModelFileError, match=r"LiteRT.js can't run it in browser"):
        profile(custom("Bessel"), browser)
    assert profile(artifact, browser, threads=1, runs=5, warmup=0).rows, "the page goes on"


class Visitor(threading.Thread):
    """A browser that opens an address as soon as there is one, and stays until the page is done."""

    def __init__(self, folder: Path, address: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self._folder, self._address, self.shown = folder, address, ""
        self.start()

    def run(self) -> None:
        while not (address := self._address()):
            time.sleep(0.05)
        with Chromium(self._folder, 390, 844, flags=(f"--user-agent={ANDROID}",)) as page:
            page.open(address)
            self.shown = page.wait_for("document.getElementById('results').textContent", 120)
            assert page.run("document.documentElement.scrollWidth <= innerWidth")


def decoded(text: str) -> str:
    """What a phone's camera reads from the blocks on a terminal."""
    plain = re.sub(r"\033\[[0-9;]*m", "", text)
    lines = [line for line in plain.splitlines() if "█" in line and set(line) <= set(" █▄▀")]
    if not lines:
        return ""
    light = np.array([[[c in "█▀", c in "█▄"] for c in line] for line in lines])
    modules = np.pad(light.transpose(0, 2, 1).reshape(-1, len(lines[0])), 2, constant_values=True)
    for size in (8, 5, 13):  # OpenCV misses about one code in a hundred at a size
        image = (np.kron(modules, np.ones((size, size))) * 255).astype(np.uint8)
        if found := cv2.QRCodeDetector().detectAndDecode(image)[0]:
            return str(found)
    return ""


def test_a_phone_scans_the_code(artifact: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_loopback(own_address()):
        unavailable("this machine has no address on a network")
    terminal, notes = io.StringIO(), []
    monkeypatch.setattr(sys, "stderr", terminal)
    visitor = Visitor(tmp_path / "phone", lambda: decoded(terminal.getvalue()))
    with open_device(f"phone://{own_address()}", notes.append) as phone:
        found = profile(artifact, phone, runs=20, warmup=2)
        with pytest.raises(DeviceError, match=r"not cross-origin isolated.*--device adb"):
            profile(artifact, phone, threads=2)
    visitor.join(30)
    assert f"Or open on the phone: {decoded(terminal.getvalue())}" in notes
    assert found.rows[0].measurement.threads == 1
    assert found.golden is not None and found.golden.identical == 4
    assert (found.system["machine"], found.system["os"], found.system["browser"]) == ("wasm32", "Android", "Chrome 141")
    assert found.rows[0].measurement.before["load_1min"] is None
    assert "tiny8.tflite, 1 thread: " in visitor.shown and "4 of 4 golden vectors" in visitor.shown
    assert any("clock moves in steps of 0.1 ms" in note for note in notes), "each sample is long enough for its clock"


DOUBLE_OF_ADB = """#!/bin/sh
# A test double of adb with a phone that is this machine: `reverse` has nothing to do.
echo "$@" >> "$(dirname "$0")/calls"
case "$2" in
  *VIEW*) echo "$2" | sed 's/.*-d //' | tr -d "'" > "$(dirname "$0")/opened" ;;
  *ro.product.model) echo "Pixel 8" ;;
  *release) echo 15 ;;
esac
"""


def test_an_android_phone_by_usb(artifact: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """adb is a double here; the page on localhost is a secure context, with threads."""
    adb, opened, notes = tmp_path / "adb", tmp_path / "opened", []
    adb.write_text(DOUBLE_OF_ADB)
    adb.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    visitor = Visitor(tmp_path / "phone", lambda: opened.read_text().strip() if opened.exists() else "")
    with open_device("adb", notes.append) as phone:
        system = phone.run("info")["system"]
        threads = min(2, system["cores"])
        found = profile(artifact, phone, threads=threads, runs=10, warmup=1)
    visitor.join(30)
    assert found.rows[0].measurement.threads == threads
    assert found.golden is not None and found.golden.identical == 4
    assert (system["board"], system["os"], system["machine"]) == ("Pixel 8", "Android 15", "wasm32")
    calls = (tmp_path / "calls").read_text().splitlines()
    port = calls[0].rpartition(":")[2]
    assert calls[0] == f"reverse tcp:{port} tcp:{port}" and calls[-1] == f"reverse --remove tcp:{port}"


def test_without_adb_or_phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with open_device("adb") as phone, pytest.raises(DeviceError, match=r"needs the program adb.*apt install adb"):
        phone.run("info")
    (tmp_path / "adb").write_text("#!/bin/sh\necho 'adb: no devices/emulators found' >&2\nexit 1\n")
    (tmp_path / "adb").chmod(0o755)
    with open_device("adb://0123") as phone, pytest.raises(DeviceError, match=r"no devices/emulators found.*debugging"):
        phone.run("info")


def test_the_users_own_browser(artifact: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a name of the user's, too."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", addresses.append)
    monkeypatch.setenv("DISPLAY", ":0")
    known.add(known.Entry("mine", "browser://own"))
    visitor = Visitor(tmp_path / "own", lambda: "".join(addresses))
    with open_device("mine", lambda text: None) as device:
        found = profile(artifact, device, threads=1, runs=5, warmup=0)
    visitor.join(30)
    assert found.device == "mine" and addresses[0].startswith("http://127.0.0.1:")
    assert visitor.shown


@pytest.mark.parametrize(
    ("user_agent", "browser", "system"),
    [
        (ANDROID, "Chrome 141", "Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140", "Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/26.0 Mobile/15E148 Safari/604.1", "Safari 26", "iOS"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
         "Safari/537.36 Edg/141.0.0.0", "Edge 141", "Windows"),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 "
         "Chrome/130.0.0.0 Mobile Safari/537.36", "Samsung Internet 28", "Android"),
        ("curl/8", "an unknown browser", "an unknown system"),
    ],
)  # fmt: skip
def test_user_agents(user_agent: str, browser: str, system: str) -> None:
    assert (browser_of(user_agent), system_of(user_agent)) == (browser, system)
