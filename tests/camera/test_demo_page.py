"""The page in a real browser, over a real demo of the photographs. EDGECNN_WRITE_SCREENSHOT=1 renews docs/demo.png."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from chromium import Chromium
from requirements import needs_chromium
from scenes import GREEN, PHOTOS, RED, MjpegCamera, jpeg, photo, photo_frames, plain, write_video
from test_demo_command import Running, sequence

from edgecnn.camera.demo import Demo
from edgecnn.camera.settings import DemoOptions

pytestmark = needs_chromium
DOCS = Path(__file__).parents[2] / "docs"
TEXT = "document.getElementById('{}').textContent"
ANSWER = TEXT.format("answer")


@pytest.fixture
def browser(tmp_path):
    with Chromium(tmp_path / "profile") as browser:
        yield browser


@pytest.fixture(scope="module")
def slow_video(tmp_path_factory):
    """Each photograph for so long that a busy machine passes none over."""
    return write_video(tmp_path_factory.mktemp("video") / "photos.avi", photo_frames(3))


@pytest.fixture
def photo_demo(photo_model, slow_video):
    with Running(*photo_model, "--source", slow_video, "--loop", "--smooth", 0.1) as running:
        running.address = running.line(r"Open in a browser: (\S+)").group(1)
        yield running


def spoken(browser):
    """What a screen reader finds as the answer: the picture's name, which holds it."""
    names = [
        name for role, name in browser.accessible() if role in ("image", "img", "Canvas") and "Live picture" in name
    ]
    return names[0].partition(": ")[2].partition(", ")[0] if names else ""


def test_sequence_of_labels_in_the_accessible_text(browser, photo_demo):
    """Reads the page as a screen reader does, until more than one round of the video was read without a gap: a machine
    that does much else may keep the reader from a photograph's three seconds.
    """
    names = list(PHOTOS)

    def is_round(rounds):
        first = names.index(rounds[0]) if rounds else 0
        return rounds == [names[(first + step) % len(names)] for step in range(len(names) + 1)]

    browser.open(photo_demo.address)
    browser.wait_for(ANSWER)
    seen, end = [], time.monotonic() + 90
    while not is_round(sequence(seen)[-len(names) - 1 :]) and time.monotonic() < end:
        said = spoken(browser)
        name = next((name for name, known in PHOTOS.items() if any(k.startswith(said) for k in known) and said), None)
        if name:
            seen.append(name)
    assert is_round(sequence(seen)[-len(names) - 1 :]), sequence(seen)
    # The live region tells a change of the answer, and nothing in between.
    assert browser.run(TEXT.format("spoken")) in {label for known in PHOTOS.values() for label in known} | {"not sure"}


def test_figures_bars_and_history(browser, photo_demo):
    browser.open(photo_demo.address)
    browser.wait_for("document.querySelectorAll('#top li').length === 5")
    browser.wait_for("parseFloat(document.getElementById('fps').textContent) > 0")
    browser.wait_for("document.querySelectorAll('#legend span').length >= 2")
    rows = "[...document.querySelectorAll('#stages div')].map(row => row.textContent)"
    budget, total = browser.run(f"[{rows}, {TEXT.format('total')}]")  # at one moment: the page renews them
    assert [row.rstrip("0123456789.") for row in budget] == [
        "capture",
        "resize",
        "wait",
        "invoke",
        "postprocess",
        "encode",
    ]
    parts = sum(float(row.lstrip("abcdefghijklmnopqrstuvwxyz")) for row in budget)
    assert parts == pytest.approx(float(total.split()[0]), abs=0.4)
    assert browser.run("document.getElementById('strip').getAttribute('aria-label')").count("second") >= 2
    assert browser.run("document.getElementById('state').textContent") == "live"
    roles = dict.fromkeys(role for role, _ in browser.accessible())
    assert {"button", "heading", "status", "main"} <= set(roles)


@pytest.mark.skipif(not os.environ.get("EDGECNN_WRITE_SCREENSHOT"), reason="asked for by EDGECNN_WRITE_SCREENSHOT=1")
def test_screenshot_for_the_readme(browser, photo_model, tmp_path):
    video = write_video(tmp_path / "photos.avi", photo_frames(2.5))
    with Running(*photo_model, "--source", video, "--loop") as running:
        browser.open(running.line(r"Open in a browser: (\S+)").group(1))
        time.sleep(33.5)
        DOCS.mkdir(exist_ok=True)
        browser.screenshot(DOCS / "demo.png")


def test_pause_by_key_and_by_button(browser, photo_demo):
    browser.open(photo_demo.address)
    browser.wait_for(ANSWER)
    browser.press(" ")
    assert browser.run("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    assert browser.run(TEXT.format("state")) == "paused"
    frozen = browser.run("[number, document.getElementById('canvas').toDataURL().length]")
    time.sleep(1.2)
    assert browser.run("[number, document.getElementById('canvas').toDataURL().length]") == frozen
    browser.run("document.getElementById('pause').click()")
    browser.wait_for(f"number > {frozen[0]} && {TEXT.format('state')} === 'live'")


def test_snapshot_is_downloaded(browser, photo_demo, tmp_path):
    browser.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.open(photo_demo.address)
    browser.wait_for(ANSWER)
    browser.press("s")
    end = time.monotonic() + 10
    while not (files := list(tmp_path.glob("edgecnn-*.jpg"))) and time.monotonic() < end:
        time.sleep(0.05)
    import cv2

    picture = cv2.imread(str(files[0]))
    assert picture.shape[1] == 640 and picture.shape[0] > 480


def test_fits_a_phone(browser, photo_demo):
    browser.size(360, 740)
    browser.open(photo_demo.address)
    browser.wait_for(ANSWER)
    assert browser.run("document.documentElement.scrollWidth") == 360
    heights = browser.run("[...document.querySelectorAll('button')].map(b => b.offsetHeight).filter(h => h)")
    assert heights and min(heights) >= 44


def test_reconnects_by_itself(browser, color_model, tmp_path, port):
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(RED)))
    command = (color_model, "--source", tmp_path / "a.jpg", "--loop", "--port", port)
    with Running(*command) as running:
        browser.open(running.line(r"Open in a browser: (\S+)").group(1))
        browser.wait_for(f"{ANSWER} === 'red'")
        running.end()
    browser.wait_for(f"{TEXT.format('state')} === 'reconnecting'")
    assert "Trying again" in browser.run(TEXT.format("notice"))
    assert browser.run("document.title") == "edgecnn demo" and browser.run(TEXT.format("fps")) == "\u2013"
    assert browser.run("document.getElementById('canvas').getAttribute('aria-label')").endswith("no connection")
    with Running(*command) as running:
        running.line("Open in a browser")
        browser.wait_for(f"{TEXT.format('state')} === 'live'")


def test_a_silent_server_is_not_live(browser, color_model, tmp_path):
    """As where Wi-Fi is lost: no connection is refused, and nothing comes."""
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(RED)))
    with Running(color_model, "--source", tmp_path / "a.jpg", "--loop") as running:
        browser.open(running.line(r"Open in a browser: (\S+)").group(1))
        browser.wait_for(f"{ANSWER} === 'red'")
        running.process.send_signal(signal.SIGSTOP)
        try:
            browser.wait_for(f"{TEXT.format('state')} === 'reconnecting'")
            assert "Trying again" in browser.run(TEXT.format("notice"))
        finally:
            running.process.send_signal(signal.SIGCONT)
        browser.wait_for(f"{TEXT.format('state')} === 'live' && document.title.startsWith('red')")


def test_says_when_the_camera_is_gone_and_goes_on_when_it_is_back(browser, color_model, port):
    camera = MjpegCamera([jpeg(plain(RED))], port=port)
    with Running(color_model, "--source", camera.address) as running:
        browser.open(running.line(r"Open in a browser: (\S+)").group(1))
        browser.wait_for(f"{ANSWER} === 'red'")
        camera.close()
        browser.wait_for(f"{TEXT.format('state')} === 'camera lost'")
        assert "The camera is gone" in browser.run(TEXT.format("notice"))
        assert ("status", "") in browser.accessible()
        with MjpegCamera([jpeg(plain(GREEN))], port=port):
            browser.wait_for(f"{ANSWER} === 'green' && {TEXT.format('state')} === 'live'")
        assert browser.run(TEXT.format("notice")) == ""


def test_labels_are_text_and_not_markup(browser, tmp_path, color_model):
    (tmp_path / "labels.txt").write_text("<img src=x onerror=document.title='owned'>\ngreen\nblue\n")
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(RED)))
    with Running(color_model, "--source", tmp_path / "a.jpg", "--loop", "--labels", tmp_path / "labels.txt") as running:
        browser.open(running.line(r"Open in a browser: (\S+)").group(1))
        browser.wait_for(f"{ANSWER}.startsWith('<img')")
        browser.wait_for("document.querySelectorAll('#legend span').length")
        assert browser.run("document.images.length") == 0 and "owned" not in browser.run("document.title").split(" ")[0]


def test_without_the_token_the_page_says_so(browser, color_model, tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(photo("coffee.png")))
    with Running(color_model, "--source", tmp_path / "a.jpg", "--loop", "--host", "0.0.0.0") as running:
        match = running.line(r"Open in a browser: http://.*:(\d+)/\?token=(\S+)")
        browser.open(f"http://127.0.0.1:{match.group(1)}/?token={match.group(2)}")
        browser.wait_for(ANSWER)
        browser.open(f"http://127.0.0.1:{match.group(1)}/")
        browser.wait_for("document.body.textContent.includes('it ends with a token')")


def test_says_that_the_video_is_over(browser, color_model, tmp_path):
    video = write_video(tmp_path / "v.avi", [plain(RED)] * 600)
    with Running(color_model, "--source", video) as running:
        browser.open(running.line(r"Open in a browser: (\S+)").group(1))
        browser.wait_for(f"{ANSWER} === 'red'")
        browser.wait_for(f"{TEXT.format('state')} === 'ended'", timeout_s=90)
        assert browser.run(TEXT.format("notice")) == "That was the end of v.avi."
        running.process.communicate(timeout=20)
    time.sleep(1)
    assert browser.run(TEXT.format("state")) == "ended" and running.process.returncode == 0


def test_a_pi_shows_its_temperature_clock_and_throttling(browser, color_model, tmp_path, monkeypatch):
    """What the board tells is a double here; a stand-in Pi's own files are read in tests of `runtime.system`."""
    told = {"temperature_c": 81.3, "clock_mhz": 1500.0, "throttled_now": ["throttled"]}
    monkeypatch.setattr("edgecnn.camera.demo.system.conditions", lambda: told)
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(RED)))
    demo = Demo(DemoOptions(color_model, source=str(tmp_path / "a.jpg"), loop=True))
    thread = threading.Thread(target=demo.run)
    thread.start()
    try:
        browser.open(demo.addresses[0])
        browser.wait_for("document.getElementById('heat').hidden === false")
        assert browser.run(TEXT.format("conditions")) == "81 °C 1.5 GHz throttled"
        assert browser.run("document.getElementById('people').hidden") is True
    finally:
        demo.stop()
        thread.join(20)
