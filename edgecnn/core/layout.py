"""Text as wide as a terminal: sentences wrapped between words, and tables in which no word or number is broken.

A table that is too wide first loses the columns that are named as the least important, and then becomes records: a
block for each row, a line for each cell.
"""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

_GAP = 2  # spaces between columns
_INDENT = 1
_PROSE = 24  # a longer cell may be wrapped between words, to no less than this
_NUMBER = re.compile(r"[-+<]?\d|[-+]$")
_PIECES = re.compile(r"(?:`[^`]*`|\S)+|\s+")  # words; a command in backticks is one, so that it can be copied


def cells(text: str) -> int:
    """Columns of a terminal that a text takes: two for East Asian wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def terminal_width(stream: TextIO) -> int | None:
    """Columns of the terminal behind a stream, as $COLUMNS or the terminal says; None where there is none."""
    if not stream.isatty():
        return None
    told = os.environ.get("COLUMNS", "")
    with contextlib.suppress(OSError, ValueError):
        return int(told) if told.isdecimal() and int(told) else os.get_terminal_size(stream.fileno()).columns or 80
    return 80


def wrapped(text: str, width: int | None, indent: str | None = None) -> list[str]:
    """A line of text as lines of at most `width`; a word that is longer has a line of its own.

    Args:
        text: without line breaks.
        width: in columns of a terminal; None leaves it on one line.
        indent: of the lines after the first; by default that of the first.
    """
    if width is None or cells(text) <= width:
        return [text]
    hanging = text[: len(text) - len(text.lstrip())] if indent is None else indent
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if cells((line + piece).rstrip()) > width and line.strip():
            lines.append(line.rstrip())
            line = hanging
            if piece.isspace():
                continue
        line += piece
    return [*lines, line.rstrip()]


@dataclass(frozen=True)
class Layout:
    """A table as lines, and the columns that it has no room for."""

    lines: tuple[str, ...]
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Columns and rows of short texts.

    Attributes:
        columns: their headings.
        rows: a cell for each column.
        drop_first: headings of columns that may be left out, the least important first.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    drop_first: Sequence[str] = ()

    def laid_out(self, width: int | None) -> Layout:
        """As lines of at most `width`; None has room for everything."""
        shown = [index for index, name in enumerate(self.columns) if name not in self.drop_first]
        widths = self._widths(shown, width)
        if widths is None:
            return Layout(tuple(self._records(width or 0)))
        for name in reversed(self.drop_first):
            more = [index for index, each in enumerate(self.columns) if index in shown or each == name]
            if (wider := self._widths(more, width)) is not None:
                shown, widths = more, wider
        hidden = (name for index, name in enumerate(self.columns) if index not in shown)
        return Layout(tuple(self._lines(shown, widths)), tuple(hidden))

    def _widths(self, shown: Sequence[int], width: int | None) -> list[int] | None:
        """Of the columns shown; None where they don't fit."""
        natural = [max(map(cells, self._column(index))) for index in shown]
        if width is None:
            return natural
        found = [self._least(index) for index in shown]
        spare = width - _INDENT - _GAP * (len(shown) - 1) - sum(found)
        if spare < 0:
            return None
        for place in sorted(range(len(shown)), key=lambda place: natural[place]):
            more = min(spare, natural[place] - found[place])
            found[place] += more
            spare -= more
        return found

    def _column(self, index: int) -> list[str]:
        return [self.columns[index], *(row[index] for row in self.rows)]

    def _least(self, index: int) -> int:
        """The narrowest that a column can be: a heading and a long text are wrapped, a short text is not."""
        heading, *values = self._column(index)
        return max([_longest_word(heading), *map(_least_of_cell, values)])

    def _lines(self, shown: Sequence[int], widths: Sequence[int]) -> Iterable[str]:
        right = [place > 0 and self._is_numeric(index) for place, index in enumerate(shown)]
        yield from _block([self.columns[index] for index in shown], widths, right, bottom=True)
        yield " " * _INDENT + "─" * (sum(widths) + _GAP * (len(widths) - 1))
        for row in self.rows:
            yield from _block([row[index] for index in shown], widths, right)

    def _is_numeric(self, index: int) -> bool:
        texts = [row[index] for row in self.rows if row[index]]
        return all(_NUMBER.match(text) and cells(text) <= _PROSE for text in texts)

    def _records(self, width: int) -> Iterable[str]:
        """A block per row under its first cell; what is empty is left out."""
        names = max((cells(name) for name in self.columns[1:]), default=0)
        for row in self.rows:
            yield from wrapped(" " * _INDENT + row[0], width, " " * 3)
            for name, value in zip(self.columns[1:], row[1:]):
                if value:
                    label = f"{'':{_INDENT + _GAP}}{name}{'':{names - cells(name)}}{'':{_GAP}}"
                    yield from wrapped(label + value, width, " " * cells(label))
            yield ""


def _longest_word(text: str) -> int:
    return max((cells(word) for word in _PIECES.findall(text) if word.strip()), default=0)


def _least_of_cell(text: str) -> int:
    return cells(text) if cells(text) <= _PROSE else max(_PROSE, _longest_word(text))


def _block(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool], bottom: bool = False) -> Iterable[str]:
    """The lines of one row; with `bottom` the last lines of its cells stand beside each other."""
    parts = [wrapped(text, width, "") for text, width in zip(texts, widths)]
    height = max(map(len, parts))
    missing = [[""] * (height - len(part)) for part in parts]
    for line in zip(*(less + part if bottom else part + less for part, less in zip(parts, missing))):
        padded = [
            f"{'':{width - cells(text)}}{text}" if on_right else f"{text}{'':{width - cells(text)}}"
            for text, width, on_right in zip(line, widths, right)
        ]
        yield (" " * _INDENT + (" " * _GAP).join(padded)).rstrip()
