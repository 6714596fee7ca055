"""The exported web page in a real Chromium, asked by a test or a benchmark."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from pathlib import Path
from typing import Any

import numpy as np
from chromium import Chromium

_BYTES = "Uint8Array.from(atob('{data}'), letter => letter.charCodeAt(0))"


class Server:
    """Serves a folder on localhost, as `python3 -m http.server` does."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://localhost:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def wait_until_ready(browser: Chromium) -> None:
    browser.wait_for("document.getElementById('state').dataset.state", 120)


def probabilities(browser: Chromium, image: np.ndarray) -> np.ndarray:
    """Of pixels that reach the page as numbers, so that no decoder is between: uint8 (rows, columns, 3), RGB."""
    pixels = _BYTES.format(data=base64.b64encode(image.tobytes()).decode())
    return np.asarray(
        browser.run(
            f"import('./app.js').then(app => app.ready).then(c => c.probabilities({pixels}, {image.shape[0]}, "
            f"{image.shape[1]})).then(p => Array.from(p))"
        )
    )


def answers(browser: Chromium, content: bytes, kind: str) -> list[dict[str, Any]]:
    """Of an image file that the browser decodes; kind: png or jpeg."""
    octets = _BYTES.format(data=base64.b64encode(content).decode())
    found: list[dict[str, Any]] = browser.run(
        f"import('./app.js').then(async app => {{ await app.ready; return app.classifyFile(new Blob([{octets}], "
        f"{{type: 'image/{kind}'}})) }})"
    )
    return found
