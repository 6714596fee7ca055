"""The collect page in a real browser: with the keyboard alone, on a 390 px phone, by a screen reader, and by hand."""

import base64
import json
import os
import sys
import time
from pathlib import Path

import cv2
import pytest
from chromium import Chromium
from collecting_doubles import Scenes, collecting, scene
from requirements import needs_chromium
from scenes import pan, photo

from edgecnn.collecting.pictures import REVIEW, Said
from edgecnn.collecting.store import encoded

pytestmark = needs_chromium
DOCS = Path(__file__).parents[2] / "docs/images"
VIRTUAL = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "Delete": 46}
INJECTED = """(() => { const script = document.createElement('script'); script.textContent = "document.title = 'owned'";
    document.body.append(script); return document.title })()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with Chromium(tmp_path_factory.mktemp("collect") / "profile", flags=flags) as browser:
        yield browser


@pytest.fixture
def page(browser, tmp_path):
    """The page over a camera of 20 frames per second, without classes."""
    with collecting(tmp_path / "data", camera=lambda: Scenes(20)) as collector:
        browser.size(1200, 900)
        opened(browser, collector)
        yield collector


def opened(browser, collector):
    browser.open(collector.addresses[0])
    browser.wait_for("about && (own || !about.state.camera.source || number > 0)")
    browser.run("""(said => {
        window.sentences = [];
        new MutationObserver(() => sentences.push(said.textContent)).observe(said, {childList: true, subtree: true});
    })(document.getElementById('said'))""")


def told(browser, text):
    """Wait until the page has said so; the next sentence may have taken its place."""
    try:
        browser.wait_for(f"sentences.includes({json.dumps(text)})")
    except AssertionError:
        pytest.fail(f"{text!r} was not said, but: {browser.run('[sentences, selected.size, state.classes]')}")


def key(browser, name, kind="both"):
    """Press, or hold, or let go."""
    text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
    words = {"key": name, "windowsVirtualKeyCode": VIRTUAL.get(name, ord(name[0].upper()))}
    if kind != "up":
        browser.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **words)
    if kind != "down":
        browser.send("Input.dispatchKeyEvent", type="keyUp", **words)


def held(browser, name, count=2):
    """Hold a key until so many images were stored, by what the page says."""
    key(browser, name, "down")
    browser.wait_for(f"parseInt(document.getElementById('recording').textContent.match(/\\d+$/)[0]) >= {count}")
    key(browser, name, "up")
    browser.wait_for("!holds.size && !reports.size")
    return browser.run("document.getElementById('said').textContent")


def tabs(browser, most=80):
    """Where the focus goes from the page's begin by Tab, until it leaves the page."""
    browser.run("document.body.tabIndex = -1; document.body.focus()")
    seen = []
    for _ in range(most):
        key(browser, "Tab")
        name = browser.run(
            "(at => at === document.body ? '' : at.id || at.dataset.name || at.tagName)(document.activeElement)"
        )
        if not name or (seen and name == seen[0]):
            break
        seen.append(name)
        assert browser.run("getComputedStyle(document.activeElement).outlineStyle !== 'none' || "
                           "!!document.activeElement.closest('label')"), f"focus is not visible: {name}"  # fmt: skip
    return seen


def add_class(browser, name):
    key(browser, "n")
    for letter in name:
        key(browser, letter)
    key(browser, "Enter")
    browser.wait_for(f"state.classes.some(each => each.name === '{name}')")


def test_with_the_keyboard_alone(browser, page):
    for name in ("cat", "dog"):
        add_class(browser, name)
    said = held(browser, "1")
    counts = page.store.counts()
    assert counts["cat"] >= 2 and counts["dog"] == 0
    assert said.startswith(f"cat: {counts['cat']} images stored") and said.endswith(f"{counts['cat']} images in all.")
    held(browser, "2", 1)
    assert page.store.counts()["dog"] >= 1
    key(browser, "z")
    browser.wait_for("document.getElementById('said').textContent.startsWith('Undone: taking')")
    assert page.store.counts() == {"cat": counts["cat"], "dog": 0}
    browser.run("document.querySelector('[data-name=dog]').focus()")
    held(browser, " ", 1)
    dogs = page.store.counts()["dog"]
    assert dogs >= 1
    stored = json.dumps([each.key for each in page.store.pictures()])  # what was undone is gone from the page
    browser.wait_for(
        "JSON.stringify([...document.querySelectorAll('#grid li')].map(each => each.dataset.name))"
        f" === JSON.stringify({stored})"
    )
    browser.run("document.querySelector('#grid input').focus()")
    key(browser, " ")
    browser.wait_for("document.getElementById('selected').textContent === '1 selected'")
    key(browser, "Delete")
    told(browser, "Deleted 1 image.")
    assert sum(page.store.counts().values()) == counts["cat"] + dogs - 1
    reached = tabs(browser)
    assert {"cat", "dog", "new-class", "undo", "rate", "skip", "keys", "shown", "files", "into", "train"} <= set(
        reached
    )
    assert reached.index("cat") < reached.index("new-class") < reached.index("train")
    browser.run("document.getElementById('keys').click()")
    before = page.store.counts()
    key(browser, "1")
    browser.run("new Promise(done => setTimeout(done, 300))")
    assert page.store.counts() == before, "shortcuts of one character can be turned off"


def test_on_a_phone(browser, page):
    """390 px: nothing is cut off, everything is large enough to touch, and a finger that stays records."""
    for name in ("cat", "a class with a name as long as names may be on any page"):
        page.store.add_class(name)
    page.store.add("cat", scene(10**6))
    browser.size(390, 844, 2)
    browser.send("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        browser.wait_for("document.querySelectorAll('.take').length === 2 && !!document.querySelector('#grid li')")
        assert browser.run("document.documentElement.scrollWidth") <= 390
        small = """[...document.querySelectorAll('button, select, .upload, #new-class')]
            .filter(each => each.offsetParent).map(each => [each.id || each.textContent, each.getBoundingClientRect()])
            .filter(([, box]) => box.height < 44 || box.width < 44 || box.right > 390).map(([name]) => name)"""
        assert browser.run(small) == []
        box = browser.run("document.querySelector('.take').getBoundingClientRect().toJSON()")
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        browser.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[point])
        browser.wait_for("parseInt(document.getElementById('recording').textContent.match(/\\d+$/)[0]) >= 3")
        browser.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        browser.wait_for("!holds.size && !reports.size")
        assert page.store.counts()["cat"] >= 4
        browser.run("scrollTo(0, 150)")  # the image stays in view
        browser.wait_for("scrollY === 150 && document.getElementById('figure').getBoundingClientRect().top >= 0")
    finally:
        browser.send("Emulation.setTouchEmulationEnabled", enabled=False)


def test_what_a_screen_reader_finds(browser, page):
    page.store.add_class("cat")
    for seed in range(3):
        page.store.add("cat", scene(10**6 + seed))
    browser.wait_for("document.querySelectorAll('#grid li').length === 3")
    found = browser.accessible()
    assert ("button", "cat, 3 images, key 1") in found
    named = {role: [name for other, name in found if other == role] for role, _ in found}
    assert all(named["button"]) and all(named["checkbox"]) and all(named["textbox"]) and all(named["combobox"])
    assert named["slider"] == ["Images per second"] and len(named["status"]) >= 2
    assert browser.run("document.getElementById('said').getAttribute('aria-live')") == "polite"
    browser.run("document.querySelector('.take').click()")  # as a screen reader does it
    told(browser, "cat: 1 image stored. 4 images in all.")
    assert page.store.counts()["cat"] == 4


def test_moving_and_uploading_by_hand(browser, page):
    for name in ("cat", "dog"):
        page.store.add_class(name)
    text = base64.b64encode(encoded(scene(10**6))).decode()
    browser.wait_for("document.querySelectorAll('.take').length === 2")
    browser.run(f"""(() => {{
        const bytes = Uint8Array.from(atob('{text}'), each => each.charCodeAt(0));
        const moved = new DataTransfer();
        for (const [name, part] of [['a.jpg', bytes], ['b.jpg', bytes], ['c.txt', 'no image']])
            moved.items.add(new File([part], name));
        document.querySelector('[data-name=cat]').dispatchEvent(new DragEvent('drop', {{dataTransfer: moved}}));
    }})()""")
    browser.wait_for(
        "document.getElementById('said').textContent"
        ".startsWith('cat: 1 image stored, 1 near-duplicate skipped, 1 failed: c.txt')"
    )
    browser.wait_for("document.querySelectorAll('#grid img')[0].naturalWidth === 160")
    browser.run("document.querySelector('#grid input').click(); document.getElementById('target').value = 'dog';")
    browser.run("document.getElementById('move').click()")
    told(browser, "Moved 1 image to dog.")
    assert page.store.counts() == {"cat": 0, "dog": 1}
    assert browser.run(INJECTED) == "Collect images · edgecnn"


def test_the_review_is_sorted_by_keys(browser, page):
    page.store.add_class("cat")
    for seed in range(3):
        page.store.add(REVIEW, scene(10**6 + seed), said=Said("dog", 0.41))
    browser.wait_for("document.getElementById('review-count').textContent === '3' && queue.length === 3")
    assert "The model says dog 41 %" in browser.run("document.getElementById('review-hint').textContent")
    key(browser, "r")
    for letter, left in (("1", 2), ("x", 1)):
        key(browser, letter)
        browser.wait_for(f"state.review === {left} && queue.length === {left}")
    assert page.store.counts()["cat"] == 1 and page.recorder.total.offered == 0
    key(browser, "Escape")
    browser.wait_for("!sorting()")
    held(browser, "1", 1)
    assert page.recorder.total.offered > 0


def test_this_device_s_camera(browser, page):
    """A fake camera in Chromium; its images are uploaded, and each is accounted for."""
    page.store.add_class("cat")
    browser.wait_for("document.querySelectorAll('.take').length === 1")
    browser.run("document.getElementById('own').click()")
    browser.wait_for("own && document.getElementById('video').videoWidth > 0")
    key(browser, "1", "down")
    browser.wait_for("[...holds.values()].some(each => each.own && each.own.tally.offered >= 4)")
    tally = "JSON.stringify([...holds.values()][0].own.tally)"
    browser.run("kept = [...holds.values()][0].own.tally")
    assert browser.run(tally)
    key(browser, "1", "up")
    browser.wait_for("kept.offered === kept.stored + kept.near_duplicates + kept.failed")
    assert page.store.counts()["cat"] == browser.run("kept.stored") >= 1 and page.recorder.total.offered == 0
    browser.run("document.getElementById('own').click()")
    browser.wait_for("!own")


def test_training_from_the_page(browser, page, monkeypatch):
    for name in ("cat", "dog"):
        page.store.add_class(name)
        page.store.add(name, scene(10**6))
    script = "import time; print('epoch 3 of 10 [###] 1/8', flush=True); time.sleep(60)"
    monkeypatch.setattr("edgecnn.collecting.training._PROGRAM", (sys.executable, "-c", script))
    browser.wait_for("document.getElementById('command').textContent.includes('edgecnn train ')")
    browser.run("document.getElementById('train').click()")
    browser.wait_for(
        "document.getElementById('progress').value === 3 && document.getElementById('progress').max === 10"
    )
    browser.run("document.getElementById('cancel').click()")
    browser.wait_for("document.getElementById('train-state').textContent.startsWith('Cancelled')")
    assert page.training.state()["state"] == "cancelled"


def test_a_page_that_loses_its_server_says_so(browser, tmp_path):
    with collecting(tmp_path / "data", "cat", camera=lambda: Scenes(20)) as collector:
        opened(browser, collector)
    time.sleep(0.1)
    browser.wait_for("document.getElementById('pill').textContent === 'reconnecting'")


@pytest.mark.skipif(not os.environ.get("EDGECNN_WRITE_SCREENSHOT"), reason="asked for by EDGECNN_WRITE_SCREENSHOT=1")
@pytest.mark.parametrize(("name", "width", "height"), [("collect.jpg", 1200, 960), ("collect_phone.jpg", 390, 844)])
def test_screenshot_for_the_docs(browser, photo_video, tmp_path, monkeypatch, name, width, height):
    monkeypatch.chdir(tmp_path)
    with collecting("pictures", "cat", "coffee", "motorcycle", camera=None, source=photo_video, loop=True) as c:
        for label, file in (("cat", "chelsea.png"), ("coffee", "coffee.png"), ("motorcycle", "motorcycle_left.png")):
            for frame in pan(photo(file), 60):
                c.store.add(label, frame)
        browser.size(width, height, 2 if width < 600 else 1)
        browser.send("Emulation.setTouchEmulationEnabled", enabled=width < 600)
        opened(browser, c)
        browser.wait_for("document.querySelectorAll('#grid img').length > 5")
        browser.wait_for("[...document.querySelectorAll('#grid img')].slice(0, 6).every(each => each.naturalWidth)")
        time.sleep(1)
        browser.screenshot(tmp_path / "page.png", whole=False)
        cv2.imwrite(str(DOCS / name), cv2.imread(str(tmp_path / "page.png")), (cv2.IMWRITE_JPEG_QUALITY, 88))
