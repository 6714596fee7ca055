"""CLIP's tokenizer: byte-pair encoding of words in lower case (arXiv:1508.07909; openai/CLIP, simple_tokenizer.py)."""

from __future__ import annotations

import functools
import gzip
import html
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError, RecordError
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.regular_file import read_regular

MERGES = 48_894
"""Of CLIP's vocabulary of 49,408; OpenAI's file lists more, which are not used."""
_MAX_BYTES = 32 << 20
_START, _END = "<|startoftext|>", "<|endoftext|>"
_SUFFIXES = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_WORD_END = "</w>"


class Tokenizer:
    """Texts to numbers.

    Args:
        merges: pairs of symbols, in the order in which they are merged.
        vocabulary: symbol -> number; None for CLIP's own order: bytes, bytes at the end of a word, merges, start, end.
    """

    def __init__(self, merges: Sequence[tuple[str, str]], vocabulary: Mapping[str, int] | None = None) -> None:
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        single = list(_byte_symbols().values())
        listed = [*single, *(each + _WORD_END for each in single), *map("".join, merges), _START, _END]
        self._numbers = vocabulary or {symbol: number for number, symbol in enumerate(listed)}

    def __call__(self, text: str, length: int) -> np.ndarray:
        """int64 (length,): start, the text, end, zeros. A text that is too long loses its last words.

        Args:
            text: any.
            length: of what the text encoder takes.

        Raises:
            ModelFileError: the vocabulary lacks a symbol.
        """
        try:
            symbols = [symbol for word in words(text) for symbol in self._pieces(word)]
            numbers = [self._numbers[symbol] for symbol in (_START, *symbols[: length - 2], _END)]
        except KeyError as error:
            raise ModelFileError(f"The tokenizer's vocabulary lacks the symbol {error}. Is it CLIP's?") from error
        return np.array(numbers + [0] * (length - len(numbers)), np.int64)

    def _pieces(self, word: str) -> list[str]:
        """A word's symbols: the pair that is merged first is merged everywhere, until none is left."""
        symbols = [_byte_symbols()[byte] for byte in word.encode()]
        symbols[-1] += _WORD_END
        while len(symbols) > 1:
            best = min(zip(symbols, symbols[1:]), key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            symbols = list(_merged(symbols, best))
        return symbols


def _merged(symbols: Sequence[str], pair: tuple[str, str]) -> Iterator[str]:
    place = 0
    while place < len(symbols):
        if tuple(symbols[place : place + 2]) == pair:
            yield "".join(pair)
            place += 2
        else:
            yield symbols[place]
            place += 1


@functools.cache
def _byte_symbols() -> dict[int, str]:
    """A printable character for each byte: its own where it has one (GPT-2, encoder.py)."""
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in own]
    return {**{byte: chr(byte) for byte in own}, **{byte: chr(256 + rank) for rank, byte in enumerate(others)}}


def words(text: str) -> list[str]:
    """The words of a text in lower case: letters, single digits, English suffixes, and runs of other characters."""
    text = " ".join(html.unescape(html.unescape(text)).split()).strip().lower()
    found, place = [], 0
    while place < len(text):
        suffix = next((each for each in _SUFFIXES if text.startswith(each, place)), "")
        kind = _kind(text[place])
        end = place + (len(suffix) or 1)
        while not suffix and kind in "LO" and end < len(text) and _kind(text[end]) == kind:
            end += 1
        if kind != " ":
            found.append(text[place:end])
        place = end
    return found


def _kind(character: str) -> str:
    """L for a letter, N for a digit, a space, or O for others."""
    if character.isspace():
        return " "
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "O"


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer from `tokenizer.json`, `merges.txt` or `bpe_simple_vocab_16e6.txt.gz`.

    Raises:
        ModelFileError: the file is missing, damaged, or of another kind of tokenizer.
    """
    try:
        data = read_regular(path, _MAX_BYTES)
        if data.startswith(b"\x1f\x8b"):
            data = _unpacked(data)
        text = data.decode()
        return _from_json(parse_json(text)) if text.lstrip().startswith("{") else Tokenizer(_merges(text.splitlines()))
    except (OSError, RecordError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{path} is no tokenizer of CLIP's kind ({str(error)[:120]}); expected tokenizer.json, merges.txt or "
            "bpe_simple_vocab_16e6.txt.gz."
        ) from error


def _unpacked(data: bytes) -> bytes:
    import io

    with gzip.open(io.BytesIO(data)) as stream:
        content = stream.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"more than {_MAX_BYTES >> 20} MB unpacked")
    return content


def _merges(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs from lines; the first names a version, in OpenAI's file without a #."""
    pairs = [tuple(line.split()) for line in lines[1:] if line.strip()][:MERGES]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ValueError("lines are not pairs of symbols")
    return [(first, second) for first, second in pairs]


def _from_json(values: Mapping[str, Any]) -> Tokenizer:
    model = values["model"]
    if model.get("type") not in (None, "BPE") or model.get("end_of_word_suffix") != _WORD_END:
        raise ValueError(f"a {model.get('type')} tokenizer with the suffix {model.get('end_of_word_suffix')!r}")
    pairs = [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in model["merges"]]
    return Tokenizer([(str(first), str(second)) for first, second in pairs], model["vocab"])
