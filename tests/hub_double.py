"""A test double of the Hugging Face hub: the endpoints that its own client asks when it downloads a file.

It serves folders as repositories on 127.0.0.1, each with one commit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubDouble:
    """Repository name -> folder; `requests` has what was asked."""

    def __init__(self, repositories: dict[str, Path], license: str = "apache-2.0") -> None:
        self.repositories, self.license, self.requests = repositories, license, list[str]()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.requests.append(path)
        for name, folder in self.repositories.items():
            for revision in ("main", COMMIT, "v1"):
                if path in (f"/api/models/{name}", f"/api/models/{name}/revision/{revision}"):
                    return 200, {"Content-Type": "application/json"}, self._info(name, folder)
                start = f"/{name}/resolve/{revision}/"
                if path.startswith(start) and (folder / path.removeprefix(start)).is_file():
                    return 200, *self._file(folder / path.removeprefix(start))
        return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"

    def _info(self, name: str, folder: Path) -> bytes:
        siblings = [{"rfilename": file.name} for file in sorted(folder.iterdir())]
        card = {"license": self.license}
        return json.dumps({"id": name, "sha": COMMIT, "siblings": siblings, "cardData": card, "tags": []}).encode()

    def _file(self, file: Path) -> tuple[dict[str, str], bytes]:
        content = file.read_bytes()
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        return {"ETag": etag, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}, content


@contextlib.contextmanager
def serving(hub: HubDouble) -> Iterator[str]:
    """The address, for HF_ENDPOINT."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path.partition("?")[0])
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 (http.server's name)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
