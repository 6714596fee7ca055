"""What a terminal, rich, a browser or a shell would do with the output of a command: nothing that a stranger wrote."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from fuzzing.mutate import COMMAND, MARKUP, OWNED, SCRIPT

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_FOLDED = re.compile(r"[\s│┃]")
_SHELL = "edgecnn() { :; }\n"  # what a person copies begins with our name; the rest must be its arguments


def by_a_terminal(printed: str) -> str | None:
    """Control characters that reached it, or markup of rich that was taken as such."""
    if found := _CONTROL.search(printed):
        return f"a terminal obeys U+{ord(found[0]):04X}"
    if re.search(rf"(?<![\]…]){MARKUP}", _FOLDED.sub("", printed)):
        return "rich reads markup"
    return None


def by_a_shell(printed: str, folder: Path) -> str | None:
    """Whether one of the commands that are shown, copied, does more than call edgecnn."""
    for line in _commands(printed):
        subprocess.run(["bash", "-rc", _SHELL + line], cwd=folder, capture_output=True, timeout=10, check=False)
        if (folder / OWNED).exists():
            return f"a shell obeys: {line[:100]}"
    return None


def _commands(printed: str) -> Iterator[str]:
    for line in printed.splitlines():
        if COMMAND in line and (found := re.search(r"(`?)\b(edgecnn .*)", line)):
            yield found[2].partition("` ")[0] if found[1] else found[2]


def by_a_browser(pages: Iterable[Path], folder: Path) -> str | None:
    """Elements and attributes of strangers in pages that were written, and commands in them."""
    for path in pages:
        if path.is_file():
            reader = _Reader()
            text = path.read_text(encoding="utf-8")
            reader.feed(text)
            shown = html.unescape("\n".join(re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)))
            if fault := reader.fault or by_a_shell(shown, folder):
                return fault
    return None


class _Reader(HTMLParser):
    """Notices what of a hostile text was read as markup."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: str | None = None
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element: none of ours has a handler in an attribute."""
        self._script = tag == "script"
        for name, value in attrs:
            if name.startswith("on") or (name in ("src", "href") and (value or "").lower().startswith("javascript:")):
                self.fault = f"a browser obeys <{tag} {name}>"

    def handle_endtag(self, tag: str) -> None:
        """Its end."""
        self._script = False

    def handle_data(self, data: str) -> None:
        """A script of ours holds no statement of theirs outside of a string."""
        if self._script and data.strip() == SCRIPT:
            self.fault = "a browser runs a script of theirs"
