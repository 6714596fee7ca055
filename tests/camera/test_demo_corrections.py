""" "Wrong: it is ..." on the demo's page, into the folder that `edgecnn collect` collects into."""

import contextlib
import json
import threading

import cv2
import numpy as np
import pytest
from chromium import Chromium
from collecting_doubles import Client
from requirements import needs_chromium
from scenes import BLUE, RED, jpeg, plain

from edgecnn.camera.corrections import SentHome
from edgecnn.camera.demo import Demo
from edgecnn.camera.settings import DemoOptions
from edgecnn.collecting.corrections import corrections_of
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.options import SettingError


@pytest.fixture
def folder(tmp_path):
    """An image, and a folder with a class of its own."""
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/a.jpg").write_bytes(jpeg(plain(RED, (1280, 720))))
    (tmp_path / "data/violet").mkdir(parents=True)
    return tmp_path


@contextlib.contextmanager
def running(model, folder):
    options = DemoOptions(model, source=str(folder / "frames"), loop=True, collect=str(folder / "data"))
    with corrections_of(options.collect) as corrections:
        demo = Demo(options, corrections=corrections)
        thread = threading.Thread(target=demo.run)
        thread.start()
        try:
            yield demo
        finally:
            demo.stop()
            thread.join()


def stored(folder, label):
    return [cv2.imread(str(path)) for path in (folder / "data" / label).glob("*.jpg")]


def test_the_frame_itself_is_kept_while_it_is_remembered(folder, color_model):
    with running(color_model, folder) as demo:
        client = Client(demo)
        assert json.loads(client.request("GET", "/about")[1])["collect"] == ["violet", "red", "green", "blue"]
        frame = client.request("GET", "/frame?after=0")[1]
        size = int.from_bytes(frame[:4], "big")
        number, shown = json.loads(frame[4 : 4 + size])["number"], frame[4 + size :]
        kind = "application/octet-stream"
        status, said = client.request("POST", f"/wrong?number={number}&class=violet&said=red", shown, kind=kind)
        assert status == 200 and json.loads(said)["said"] == "violet: stored, 1 image in all."
        assert [each.shape for each in stored(folder, "violet")] == [(720, 1280, 3)]
        # One that nobody remembers is the image that the page shows, a new class is made, and nonsense is refused.
        assert client.request("POST", "/wrong?number=99999&class=pink", shown, kind=kind)[0] == 200
        assert [each.shape for each in stored(folder, "pink")] == [(540, 960, 3)]
        for query, body in (("number=99999&class=pink", b"<svg>"), ("class=../x", shown), ("", shown)):
            assert client.request("POST", f"/wrong?{query}", body, kind=kind)[0] == 400
        assert client.request("POST", "/wrong?class=pink", shown, kind=kind, Origin="http://evil.example")[0] == 403
    assert {path.name for path in (folder / "data").iterdir()} == {"violet", "pink", ".collect"}


def test_without_the_option_nothing_is_kept(folder, color_model):
    demo = Demo(DemoOptions(color_model, source=str(folder / "frames")))
    try:
        assert demo.about()["collect"] is None
        assert Client(demo).request("POST", "/wrong?class=a", b"x", kind="application/octet-stream")[0] == 404
    finally:
        demo.close()


def test_options_that_make_no_sense(folder, color_model):
    with pytest.raises(SettingError, match="needs the page"):
        DemoOptions(color_model, collect="data", view="none")
    with corrections_of(str(folder / "data")), pytest.raises(EdgecnnError, match="Another edgecnn process collects"):
        corrections_of(str(folder / "data")).__enter__()


def test_a_large_image_fits_into_a_message_from_a_board():
    sent = []
    noise = np.random.default_rng(0).integers(0, 256, (2160, 3840, 3), np.uint8)
    home = SentHome(lambda **event: sent.append(json.dumps(event)))
    assert home.keep("cat", plain(BLUE), "dog") == "Sent as cat." and home.keep("cat", noise, "dog")
    assert max(map(len, sent)) < 1 << 20


@needs_chromium
def test_by_the_keyboard(folder, color_model):
    with running(color_model, folder) as demo, Chromium(folder / "profile") as browser:
        browser.open(demo.addresses[0])
        browser.wait_for("document.getElementById('answer').textContent === 'red'")
        browser.press("w")
        browser.wait_for("paused && !document.getElementById('correction').hidden")
        guesses = browser.run("[...document.querySelectorAll('#guesses button')].map(each => each.textContent)")
        assert guesses == ["green", "blue", "violet"]
        assert browser.run("document.activeElement.textContent") == "green"
        browser.run("document.getElementById('label').focus()")
        for letter in "swan":
            browser.press(letter)
        assert browser.run("document.getElementById('label').value") == "swan", "keys are text here"
        browser.send("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r", windowsVirtualKeyCode=13)
        browser.wait_for("document.getElementById('kept').textContent === 'swan: stored, 1 image in all.' && !paused")
        browser.press("w")
        browser.wait_for("paused")
        browser.send("Input.dispatchKeyEvent", type="rawKeyDown", key="Escape", windowsVirtualKeyCode=27)
        browser.wait_for("!paused && document.getElementById('correction').hidden")
    assert [each.shape for each in stored(folder, "swan")] == [(720, 1280, 3)]
