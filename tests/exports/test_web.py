"""The exported page in a real Chromium: same bytes as the host, same answers, offline, nothing of a label obeyed."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from chromium import Chromium
from commands import check_clean_failure, run_cli
from requirements import litertjs_folder, needs_chromium
from tiny_models import classifier
from web_page import Server, answers, probabilities

from edgecnn.core.errors import MissingExtraError, UsageError
from edgecnn.data import open_data
from edgecnn.exports import export, template
from edgecnn.exports.kinds.web import Options
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import FITS, RESIZES, Preprocessing
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.golden import picture
from edgecnn.runtime.run.preprocess import fit, read_picture
from edgecnn.runtime.tasks.classification import top
from edgecnn.web import litertjs

TEMPLATES = Path(template.__file__).parent / "templates" / "web"
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">\u202e"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (Debian: apt install nodejs)")


@pytest.fixture(scope="module")
def runtime() -> Path:
    """LiteRT.js, fetched by npm once and kept."""
    return litertjs_folder()


@pytest.fixture(scope="module")
def exported(lite0_int8: Path, runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "page"
    file = model_file.read(lite0_int8)
    labels = (HOSTILE, *file.contract.labels[1:])
    named = dataclasses.replace(file.contract.model, name=HOSTILE)
    hostile = dataclasses.replace(file, contract=file.contract.replace(labels=labels, model=named))
    export(hostile, "web", folder, Options(runtime=runtime))
    return folder


@pytest.fixture(scope="module")
def page(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chromium, Server]]:
    server = Server(exported)
    with Chromium(tmp_path_factory.mktemp("profile"), width=390, height=844) as browser:
        browser.open(server.address)
        browser.wait_for("document.getElementById('state').dataset.state", 120)
        yield browser, server


@needs_chromium
def test_golden_vectors_are_identical_in_the_browser(page: tuple[Chromium, Server]) -> None:
    assert page[0].run("document.getElementById('state').textContent") == "4 golden vectors: identical to the host"


@needs_chromium
def test_decoded_pixels_give_the_same_probabilities(page: tuple[Chromium, Server], exported: Path) -> None:
    """Of pixels that reach the page as numbers, so that no decoder is between."""
    engine = Engine(model_file.read(exported / "model.tflite"))
    for example in open_data("photos:whole").examples:
        image = cv2.cvtColor(example.read(), cv2.COLOR_BGR2RGB)
        found = probabilities(page[0], image)
        expected = engine.probabilities(engine.prepare(image, "rgb"))
        assert int(np.argmax(found)) == expected.argmax()
        assert np.abs(found - expected).max() < 1e-6


@needs_chromium
def test_files_give_the_same_class(page: tuple[Chromium, Server], exported: Path, tmp_path: Path) -> None:
    engine = Engine(model_file.read(exported / "model.tflite"))
    for number, example in enumerate(open_data("photos:whole").examples):
        kind = ("png", "jpg")[number % 2]
        path = tmp_path / f"{number}.{kind}"
        cv2.imwrite(str(path), example.read())
        found = answers(page[0], path.read_bytes(), kind.replace("jpg", "jpeg"))
        expected = top(engine.probabilities(engine.prepare(read_picture(path))), engine, 1)[0]
        assert found[0]["index"] == expected["index"]
        assert abs(found[0]["probability"] - expected["probability"]) < 0.03


@needs_chromium
def test_hostile_names_are_text(page: tuple[Chromium, Server]) -> None:
    browser = page[0]
    assert browser.run("document.querySelector('h1').textContent").startswith("</script><img")
    shown = browser.run("import('./app.js').then(async app => (await app.ready).label(0))")
    assert shown == HOSTILE
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert "owned" not in browser.run("document.title").split("'")[0]


@needs_chromium
def test_no_other_script_runs(page: tuple[Chromium, Server]) -> None:
    browser = page[0]
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    browser.run(
        "{ const s = document.createElement('script'); s.textContent = 'window.ran = 2'; document.body.append(s) }"
    )
    assert browser.run("new Promise(done => setTimeout(() => done(window.ran ?? null), 300))") is None
    assert browser.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"


@needs_chromium
def test_phone_and_screen_reader(page: tuple[Chromium, Server]) -> None:
    browser = page[0]
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    roles = browser.accessible()
    assert {"button", "checkbox", "status"} <= {role for role, _ in roles}
    assert any(name.startswith("Start the camera") for role, name in roles if role == "button")


@needs_chromium
def test_the_camera_is_classified_until_it_is_stopped(exported: Path, tmp_path: Path) -> None:
    server = Server(exported)
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with Chromium(tmp_path / "profile", 390, 844, flags=flags) as browser:
        browser.open(server.address)
        browser.wait_for("!document.getElementById('start').disabled", 120)
        browser.run("document.getElementById('start').click()")
        assert browser.wait_for("document.getElementById('answer').textContent.trim()").endswith("%")
        assert browser.run("document.querySelectorAll('#list li').length") == 5
        if os.environ.get("EDGECNN_SHOT"):
            browser.screenshot(Path(os.environ["EDGECNN_SHOT"]))
        browser.run("document.getElementById('start').click()")
        assert browser.run("document.getElementById('start').textContent") == "Start the camera"
        assert browser.run(
            "document.getElementById('video').srcObject.getTracks().every(t => t.readyState === 'ended')"
        )
    server.stop()


@needs_chromium
def test_it_works_offline_and_can_be_installed(exported: Path, tmp_path: Path) -> None:
    server = Server(exported)
    with Chromium(tmp_path / "profile") as browser:
        browser.open(server.address)
        browser.wait_for("document.getElementById('state').dataset.state", 120)
        assert not browser.send("Page.getAppManifest")["errors"]
        server.stop()
        browser.open("about:blank")
        browser.open(server.address)
        text = browser.wait_for(
            "document.getElementById('state').dataset.state && document.getElementById('state').textContent", 120
        )
        assert text == "4 golden vectors: identical to the host"


def run_node(script: str, folder: Path) -> Any:
    """The JSON that a script prints; a package.json makes modules of the page's scripts."""
    for name in ("preprocess.js", "golden.js"):
        shutil.copy(TEMPLATES / name, folder / name)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "main.js").write_text(script)
    done = subprocess.run(["node", "main.js"], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CASES = list(itertools.product(RESIZES, FITS, ("rgb", "bgr", "gray")))
SIZES = ((90, 130), (40, 30), (33, 200), (64, 64), (128, 96), (256, 384), (1411, 1000))


@needs_node
def test_preprocessing_equals_the_runtime(tmp_path: Path) -> None:
    """To the last bit where images shrink by area, and for `nearest`; to one level, on few values, elsewhere."""
    random, expected, tasks = np.random.default_rng(2), [], []
    for number, (rows, columns) in enumerate(SIZES):
        image = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
        (tmp_path / f"{number}.bin").write_bytes(image.tobytes())
        for resize, way, color in CASES:
            contract = Preprocessing(64, 48, resize=resize, fit=way, color=color)
            tasks.append({"number": number, "rows": rows, "columns": columns, "how": dataclasses.asdict(contract)})
            expected.append(fit(image, contract, "rgb"))
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    found = run_node(
        "import fs from 'fs'; import {fit} from './preprocess.js';"
        "const tasks = JSON.parse(fs.readFileSync('tasks.json'));"
        "const read = n => new Uint8Array(fs.readFileSync(n + '.bin'));"
        "const one = t => Buffer.from(fit(read(t.number), t.rows, t.columns, t.how)).toString('base64');"
        "console.log(JSON.stringify(tasks.map(one)))",
        tmp_path,
    )
    for task, ours, text in zip(tasks, expected, found):
        theirs = np.frombuffer(base64.b64decode(text), np.uint8).reshape(ours.shape)
        differences = np.abs(theirs.astype(int) - ours)
        small = min(task["rows"] / 64, task["columns"] / 48) * (0.875 if task["how"]["fit"] == "crop" else 1) < 1
        exact = task["how"]["resize"] == "nearest" or (task["how"]["resize"] == "area" and not small)
        assert differences.max() <= (0 if exact else 1), task
        assert (differences > 0).mean() <= 0.02, task


@needs_node
@pytest.mark.parametrize("shape", [(224, 224, 3), (32, 48, 1), (7, 5, 3)])
def test_golden_images_are_the_same_bytes(shape: tuple[int, int, int], tmp_path: Path) -> None:
    found = run_node(
        "import {picture} from './golden.js';"
        f"const one = i => Array.from(picture(20240229, i, {', '.join(map(str, shape))}));"
        "console.log(JSON.stringify([0, 1, 2, 3].map(one)))",
        tmp_path,
    )
    for index in range(4):
        assert found[index] == picture(20240229, index, shape).ravel().tolist()


def test_types_that_the_runtime_lacks_are_refused(runtime: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--io uint8"):
        export(classifier(), "web", tmp_path / "page", Options(runtime=runtime))
    assert not (tmp_path / "page").exists()


def test_a_folder_without_the_runtime(tiny_int8: Path, tmp_path: Path) -> None:
    done = run_cli("export", tiny_int8, "--for", "web", "-o", tmp_path / "page", "--runtime", tmp_path)
    assert "npm install @litertjs/core" in check_clean_failure(done, 2)
    assert not (tmp_path / "page").exists()


def test_without_npm_or_network_one_sentence(tiny_int8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = model_file.read(tiny_int8)
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(litertjs.FOLDER_VARIABLE, raising=False)
    for path, said in ((str(tmp_path / "none"), "isn't installed"), (f"{tmp_path}:/bin:/usr/bin", "ENOTFOUND")):
        monkeypatch.setenv("PATH", path)
        with pytest.raises(MissingExtraError, match=said) as raised:
            export(file, "web", tmp_path / "page", Options())
        assert "--runtime FOLDER" in str(raised.value) and "\n" not in str(raised.value)
        assert not (tmp_path / "page").exists()


def test_option_of_another_target_is_refused(tiny_int8: Path, tmp_path: Path) -> None:
    done = run_cli("export", tiny_int8, "--for", "python", "-o", tmp_path / "page", "--runtime", tmp_path)
    assert "--runtime" in check_clean_failure(done, 2)


def test_every_fetched_file_is_in_the_page_or_kept(exported: Path) -> None:
    """What pages and scripts name is there, and the service worker keeps all but the runtime's builds."""
    kept = json.loads(re.search(r"= (\{.*\});", (exported / "sw.js").read_text()).group(1))["files"]
    names = {each.relative_to(exported).as_posix() for each in exported.rglob("*") if each.is_file()}
    assert {name for name in names if "/wasm/" not in name} - {"sw.js", "README.md", "export.json"} == set(kept) - {
        "./"
    }
    for name in re.findall(r"(?:src|href)=\"([^\"]+)\"", (exported / "index.html").read_text()):
        assert name in names
