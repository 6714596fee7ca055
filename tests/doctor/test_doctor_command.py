"""The command: what it prints, the page, the JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.cli.doctor import command


def test_page_and_json(tiny_keras: Path, tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "doctor.html"
    options = ["--against", str(tiny_keras), "--data", "photos:test", "--samples", "16", "-o", str(page)]
    command.main([str(tiny_int8), *options, "--json", "-"], standalone_mode=False)
    result = json.loads(capsys.readouterr().out)
    assert result["pictures"] == 8
    names = {layer["layer"] for layer in result["layers"]}
    assert {"Identity", "StatefulPartitionedCall"}.isdisjoint(names), names
    html = page.read_text()
    assert html.count("<svg") >= 4 and "<script" not in html and "code 255" in html
    assert all(layer["layer"] in html for layer in sorted(result["layers"], key=lambda x: -x["share_percent"])[:5])
    command.main([str(tiny_int8), *options], standalone_mode=False)
    assert "% of noise" in capsys.readouterr().out
