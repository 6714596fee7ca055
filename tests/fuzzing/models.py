"""Mutants of `.tflite` files: bytes, flatbuffer fields, whole objects, contracts, standard metadata."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import random
import re
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tiny_models
from json_mutants import changed
from small_graphs import schema

from edgecnn import artifact
from edgecnn.core.compat.litert_schema import pack, unpack
from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.metadata import BUFFER_NAME as METADATA
from edgecnn.runtime.model.model_file import BUFFER_NAME, DIGEST_SIZE, DIGEST_START, GRAPH_BUFFER_NAME
from fuzzing import mutate

_OWN = re.compile(rb'\{"sha256":"[0-9a-f]{64}"')
_LABELS = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay")


def seeds(corpus: Sequence[Path]) -> list[bytes]:
    """The corpus's `.tflite` files, and an artifact of our own."""
    tiny = tiny_models.classifier()
    own = artifact.seal(artifact.graph_bytes(tiny), tiny.contract.replace(labels=_LABELS))
    return [own, *(path.read_bytes() for path in corpus if path.suffix == ".tflite")]


class Mutator:
    """Makes mutants of a list of models."""

    def __init__(self, models: Sequence[bytes]) -> None:
        self.models = list(models)
        self._kinds = (self.octets, *[self.fields] * 4, *[self.objects] * 2, *[self.contract] * 2, self.metadata)

    def mutant(self, draw: random.Random, model: bytes = b"") -> bytes:
        """A changed model, one of the list unless it is given; its digest mended, stripped, or left as it is."""
        model = model or draw.choice(self.models)
        made: bytes = draw.choice(self._kinds)(model, draw)
        return redigested(made) if draw.random() < 0.6 else made

    def octets(self, model: bytes, draw: random.Random) -> bytes:
        """Bytes changed anywhere, most near the edges."""
        return mutate.octets(without_contract(model) if draw.random() < 0.3 else model, draw)

    def fields(self, model: bytes, draw: random.Random) -> bytes:
        """One to four fields of the flatbuffer changed."""
        return self._repacked(model, draw, _change_fields)

    def objects(self, model: bytes, draw: random.Random) -> bytes:
        """Tensors, operators, buffers, graphs swapped, repeated, or removed."""
        return self._repacked(model, draw, self._change_objects)

    def contract(self, model: bytes, draw: random.Random) -> bytes:
        """Another JSON in the contract's place, under a right digest."""
        plain = {"sha256": "0" * DIGEST_SIZE, "format": 1, "preprocessing": {"height": 32, "width": 32}}
        values = json.loads(own_contract(model) or json.dumps(plain))
        for _ in range(draw.choice((1, 1, 2, 4))):
            values = changed(values, draw)
        if draw.random() < 0.3:
            values = _texts_changed(values, draw)
        if isinstance(values, dict):
            values.pop("sha256", None)
            values = {"sha256": "0" * DIGEST_SIZE, **values}
        text = json.dumps(values, separators=(",", ":"))
        return _with_buffer(model, BUFFER_NAME, text.encode(errors="surrogatepass"))

    def metadata(self, model: bytes, draw: random.Random) -> bytes:
        """A file by others whose metadata or labels are damaged."""
        bare = without_contract(model)
        found = _buffer_of(bare, METADATA)
        if found and draw.random() < 0.7:
            changed_ = mutate.octets(found, draw, edge=len(found))
            bare = _with_buffer(bare, METADATA, changed_)
        return bare + labels_zip(len(bare), draw)

    def _repacked(self, model: bytes, draw: random.Random, change: Any) -> bytes:
        for _ in range(20):
            tree = unpack(model)
            change(tree, draw)
            try:
                made = pack(tree)
            except Exception:  # the writer of flatbuffers has limits of its own
                continue
            return _finished(made, model, draw)
        return mutate.octets(model, draw)

    def _change_objects(self, tree: Any, draw: random.Random) -> None:
        other = unpack(draw.choice(self.models)) if draw.random() < 0.3 else tree
        for _ in range(draw.choice((1, 1, 2, 3))):
            here, there = draw.choice(list(_lists(tree))), draw.choice(list(_lists(other)))
            if not here or not there:
                continue
            if type(here[0]) is not type(there[0]):
                there = here
            place = draw.randrange(len(here))
            action = draw.choice(("replace", "replace", "swap", "remove", "repeat", "many"))
            if action == "replace":
                here[place] = draw.choice(there)
            elif action == "swap":
                other_place = draw.randrange(len(here))
                here[place], here[other_place] = here[other_place], here[place]
            elif action == "remove":
                del here[place]
            else:
                here[place:place] = [draw.choice(there)] * (1 if action == "repeat" else draw.choice((10, 300)))


def redigested(model: bytes) -> bytes:
    """The same with the digest that its content has, as any attacker can write it."""
    found = _OWN.search(model)
    if not found:
        return model
    start = found.start() + DIGEST_START
    zeroed = model[:start] + b"0" * DIGEST_SIZE + model[start + DIGEST_SIZE :]
    return zeroed[:start] + hashlib.sha256(zeroed).hexdigest().encode() + zeroed[start + DIGEST_SIZE :]


def labels_zip(offset: int, draw: random.Random) -> bytes:
    """A zip behind the model that is not quite what its reader expects."""
    kind = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    name = draw.choice(("labels.txt", "labels.txt", "../labels.txt", "x\x1b[2J.txt", ""))
    if draw.random() < 0.05:
        return _zip(offset, "labels.txt", _BOMB, zipfile.ZIP_DEFLATED)
    lines = [draw.choice((*_LABELS, *mutate.HOSTILE)) for _ in range(draw.choice((0, 1, 9, 10, 11, 100)))]
    made = _zip(offset, name, draw.choice(("\n".join(lines).encode(errors="surrogatepass"), b"\xff\xfe\0")), kind)
    return mutate.octets(made, draw, edge=200) if draw.random() < 0.5 else made


_BOMB = 200_000_000


@functools.lru_cache(maxsize=64)
def _zip(offset: int, name: str, text: bytes | int, kind: int) -> bytes:
    stream = io.BytesIO(b"\0" * offset)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a", kind) as archive:
        content = text if isinstance(text, bytes) else b"\n" * text
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, kind)
    return stream.getvalue()[offset:]


def own_contract(model: bytes) -> bytes:
    """The contract's JSON; empty where there is none."""
    found = _OWN.search(model)
    text = model[found.start() :].decode(errors="replace") if found else ""
    return text[: json.JSONDecoder().raw_decode(text)[1]].encode() if found else b""


def _texts_changed(values: Any, draw: random.Random) -> Any:
    """Hostile texts in some of all places that hold one."""
    if isinstance(values, dict):
        return {key: _texts_changed(entry, draw) if key != "sha256" else entry for key, entry in values.items()}
    if isinstance(values, list):
        return [_texts_changed(entry, draw) for entry in values[:2000]]
    return draw.choice(mutate.HOSTILE) if isinstance(values, str) and draw.random() < 0.5 else values


def _finished(made: bytes, model: bytes, draw: random.Random) -> bytes:
    """A repacked model as a file by others, or sealed anew as ours."""
    form = draw.choice(("as it is", "stripped", "stripped", "sealed", "sealed", "sealed"))
    if form == "as it is":
        return made
    bare = without_contract(made)
    if form == "stripped":
        return bare
    try:
        return artifact.seal(bare, model_file.from_bytes(model).contract)
    except (EdgecnnError, struct.error, ValueError):
        return bare


def without_contract(model: bytes) -> bytes:
    try:
        tree = unpack(model)
        for entry in tree.metadata or []:
            if entry.name in (BUFFER_NAME.encode(), GRAPH_BUFFER_NAME.encode()):
                tree.buffers[entry.buffer].data = None
        tree.metadata = [entry for entry in tree.metadata or [] if entry.name == METADATA.encode()]
        return pack(tree)
    except Exception:  # it may be damaged already
        return model


def _buffer_of(model: bytes, name: str) -> bytes:
    tree = unpack(model)
    places = [entry.buffer for entry in tree.metadata or [] if entry.name == name.encode()]
    data = tree.buffers[places[0]].data if places else None
    return b"" if data is None else bytes(data)


def _with_buffer(model: bytes, name: str, content: bytes) -> bytes:
    tree = unpack(model)
    tree.metadata = tree.metadata or []
    entries = [entry for entry in tree.metadata if entry.name == name.encode()]
    if not entries:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name.encode(), len(tree.buffers)
        tree.buffers.append(schema.BufferT())
        tree.metadata.append(entry)
        entries = [entry]
    tree.buffers[entries[0].buffer].data = np.frombuffer(content, np.uint8)
    return pack(tree)


def _change_fields(tree: Any, draw: random.Random) -> None:
    places = _places_of(tree)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        home, name = draw.choice(places)
        old = getattr(home, name)
        setattr(home, name, _another(old, draw))


def _places_of(tree: Any) -> list[tuple[Any, str]]:
    """Object and attribute of every field that is there, each as likely as the others."""
    return [(each, name) for each in objects(tree) for name in vars(each)]


def objects(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for entry in value:
            yield from objects(entry)
    elif hasattr(value, "__dict__"):
        yield value
        for entry in vars(value).values():
            yield from objects(entry)


def _lists(tree: Any) -> Iterator[list[Any]]:
    """Every list of objects or of numbers that may be changed in place."""
    for each in objects(tree):
        for name, entry in vars(each).items():
            if isinstance(entry, np.ndarray) and 0 < entry.size < 10_000:
                entry = entry.tolist()
                setattr(each, name, entry)
            if isinstance(entry, list) and entry:
                yield entry


def _another(old: Any, draw: random.Random) -> Any:
    if isinstance(old, np.ndarray):
        old = old.tolist() if old.size < 10_000 else old[: draw.choice((0, 1, 1000))]
    if isinstance(old, np.ndarray):
        return old
    if isinstance(old, list) and (not old or isinstance(old[0], (int, float))):
        return _another_vector(old, draw)
    if isinstance(old, (bool, int, float, str, bytes)):
        return mutate.value(old, draw)
    return None


def _another_vector(old: list[Any], draw: random.Random) -> list[Any]:
    action = draw.choice(("item", "item", "item", "drop", "add", "empty", "long", "turn"))
    made = list(old)
    if action == "item" and made:
        place = draw.randrange(len(made))
        made[place] = mutate.value(made[place], draw)
    elif action == "drop" and made:
        del made[draw.randrange(len(made))]
    elif action == "add":
        made.insert(draw.randint(0, len(made)), mutate.value(made[0] if made else 0, draw))
    elif action == "long":
        made = (made or [1]) * draw.choice((2, 50))
    elif action == "turn":
        draw.shuffle(made)
    else:
        made = []
    return made


@functools.cache
def picture(side: int = 40) -> bytes:
    """A PNG of noise."""
    import cv2

    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".png", pixels)[1])
