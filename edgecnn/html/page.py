"""One self-contained HTML page: style and images inside, no script, no network; phone to desktop, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from edgecnn.core.version import __version__

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""A page's Content-Security-Policy: were anything of it ever taken for markup, no script in it would run and nothing
would be fetched or sent."""


_NUMBER = "0123456789+-<"  # a cell that begins so is one


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: heading, plain text.
        html: its content; whoever makes it has escaped what came from outside.
    """

    title: str
    html: str


def styled(html: str) -> str:
    """Charts by themselves, with their styles and no one else's, for a notebook."""
    own = _css("palette").replace(":root", ".edgecnn")
    own += ".edgecnn { background: var(--ground); color: var(--ink); }"
    return f'<style>{own}</style><div class="edgecnn">{html}</div>'


def _style() -> str:
    return _css("palette") + _css("page")


def _css(name: str) -> str:
    return (Path(__file__).parent / f"{name}.css").read_text(encoding="utf-8")


def page(title: str, lead: str, sections: Sequence[Section], *, top: str = "") -> str:
    """The whole page.

    Args:
        title: heading and window title, plain text.
        lead: one sentence under it, plain text.
        sections: its parts; those without content are left out.
        top: HTML right under the heading, such as `cards(...)`.
    """
    body = "\n".join(
        f"<section><h2>{escape(section.title)}</h2>\n{section.html}</section>" for section in sections if section.html
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n"
        f'<header><h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n{top}</header>\n'
        f"<main>\n{body}\n</main>\n<footer>Made by edgecnn {__version__}.</footer>\n</body>\n</html>\n"
    )


def cards(items: Iterable[tuple[str, str, str]]) -> str:
    """Large figures: (value, what it is, a detail), plain text each."""
    inner = "".join(
        f'<div class="card"><span>{escape(what)}</span><b>{escape(value)}</b><span>{escape(detail)}</span></div>'
        for value, what, detail in items
    )
    return f'<div class="cards">{inner}</div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    """A table of plain text; the first column heads its row, the others are right-aligned when they are numbers."""
    rows = [list(row) for row in rows]
    width = max((len(row) for row in rows), default=len(columns))
    kinds = ["", *(_kind([row[index] for row in rows]) if numbers else "" for index in range(1, width))]
    head = "".join(f"<th{kind}>{escape(column)}</th>" for column, kind in zip(columns, kinds))
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row[1:], kinds[1:]))
        + "</tr>"
        for row in rows
    )
    header = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
    return f'<div class="scroll" tabindex="0"><table>{header}<tbody>{body}</tbody></table></div>'


def _kind(cells: Sequence[str]) -> str:
    return ' class="number"' if any(cell and cell[0] in _NUMBER for cell in cells) else ""


def chart(drawing: str, caption: str = "") -> str:
    """One of `edgecnn.html.charts` with a caption, plain text."""
    title = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="chart">{title}{drawing}</figure>'


def side_by_side(*parts: str) -> str:
    """Charts and what belongs to them: in columns where there is room, below each other on a phone."""
    shown = [part for part in parts if part]
    return f'<div class="charts">{"".join(shown)}</div>' if shown else ""


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values, plain text; rows without a value are left out."""
    return f'<div class="facts">{table((), [row for row in rows if row[1]], numbers=False)}</div>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind` is "note" or "warning"."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def folded(summary: str, html: str) -> str:
    """Something long that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def code(text: str) -> str:
    """Commands or a file, as they are."""
    return f'<pre tabindex="0">{escape(text.strip())}</pre>'
