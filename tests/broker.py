"""A real Mosquitto on loopback, with passwords and TLS where asked for, and its own client as an independent reader."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from requirements import unavailable

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
USER, PASSWORD = "camera", "s3cret:pass"


def program(name: str) -> str:
    """Of Debian's packages mosquitto and mosquitto-clients."""
    found = shutil.which(name, path=_PATH)
    if not found:
        unavailable(f"{name} is not installed: apt install mosquitto mosquitto-clients")
    return str(found)


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority, a certificate for localhost that it signed, and its key."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    subject = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *subject, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    openssl("req", *subject, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "own.csr", *signing, "-out", "own.pem")
    return folder / "ca.pem", folder / "own.pem", folder / "own.key"


class Broker:
    """Mosquitto on a port; `stop` and `start` again keep the port, and lose what it retained."""

    def __init__(self, folder: Path, port: int, tls: bool = False, password: bool = False) -> None:
        self.folder, self.port, self.ca = folder, port, folder / "ca.pem"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {str(not password).lower()}", "persistence false"]
        lines += ["user root"] if os.geteuid() == 0 else []
        if tls:
            ca, own, key = certificates(folder)
            lines += [f"cafile {ca}", f"certfile {own}", f"keyfile {key}"]
        if password:
            (folder / "passwords").touch(mode=0o600)
            words = [program("mosquitto_passwd"), "-b", str(folder / "passwords"), USER, PASSWORD]
            subprocess.run(words, check=True, capture_output=True)
            lines.append(f"password_file {folder / 'passwords'}")
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._client = [*(["--cafile", str(self.ca)] if tls else []), *(["-u", USER, "-P", PASSWORD] * password)]
        self.start()

    def start(self) -> None:
        words = [program("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        end = time.monotonic() + 120
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def retained(self) -> dict[str, str]:
        """Topic -> text of everything that is retained, by Mosquitto's own client."""
        words = [program("mosquitto_sub"), "-h", "localhost" if "--cafile" in self._client else "127.0.0.1"]
        words += ["-p", str(self.port), *self._client, "-t", "#", "--retained-only", "-W", "1", "-F", "%j"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode in (0, 27), done.stderr  # 27: the time is over
        found: dict[str, Any] = {}
        for line in done.stdout.splitlines():
            message = json.loads(line)
            found[message["topic"]] = message["payload"]
        return {topic: text if isinstance(text, str) else json.dumps(text) for topic, text in found.items()}

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
