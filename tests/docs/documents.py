"""README.md and the pages in docs/, and the commands and links in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = {str(path.relative_to(ROOT)): path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))}
TEXT = {name: path.read_text(encoding="utf-8") for name, path in DOCUMENTS.items()}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def console_lines(text: str) -> list[str]:
    """The lines of console blocks that a reader types: those after `$ `, and what a backslash continues."""
    lines, goes_on = [], False
    for block in (body for language, body in _BLOCK.findall(text) if language == "console"):
        for line in block.splitlines():
            if goes_on or line.startswith("$ "):
                lines.append(line)
                goes_on = line.endswith("\\")
    return lines


def commands(text: str) -> list[str]:
    """The commands in console blocks, continued lines joined."""
    joined = "\n".join(console_lines(text)).replace("\\\n", " ")
    return [line.removeprefix("$ ").strip() for line in joined.splitlines()]


def prose(text: str) -> str:
    """The text without its blocks of code."""
    return _BLOCK.sub("", text)


def anchors(text: str) -> set[str]:
    """The identifiers of the headings, as GitHub and MkDocs make them."""
    titles = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}
