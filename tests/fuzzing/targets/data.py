"""Manifests, archives, IDX files, and files of labels."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from json_mutants import mutants

from fuzzing import models, mutate
from fuzzing.case import Case

_NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay")
_MANIFEST = "path,label,split\npictures/x/1.png,ant,train\npictures/y/2.png,bee,test\n"
_MEMBERS = (
    "a/1.png",
    "a/2.png",
    "b/3.png",
    "../../out.png",
    "/abs.png",
    "a/\x1b[2J.png",
    "a/x\n.png",
    "C:\\x.png",
    "a" * 300,
    "",
)


class Fuzz:
    """See `Target`."""

    HOST = False

    def __init__(self, corpus: Sequence[Path]) -> None:
        self.model = models.seeds(())[0]
        self.kinds = (_manifest, _zip, _tar, _idx, _labels)

    def case(self, draw: random.Random) -> Case:
        """One damaged file, beside a sound model and images."""
        name, content, words = draw.choice(self.kinds)(draw)
        if draw.random() < 0.05:
            content = draw.choice(("fifo", "folder", "link:/dev/zero", "link:/dev/stdin"))
        sound = {"m.tflite": self.model, "a.png": models.picture(), "pictures/x/1.png": models.picture(33)}
        return Case(words.split(), {**sound, "pictures/y/2.png": models.picture(50), **_beside(name), name: content})


def _beside(name: str) -> dict[str, bytes]:
    other = {"train-images": "train-labels-idx1-ubyte.gz", "train-labels": "train-images-idx3-ubyte.gz"}
    found = next((file for start, file in other.items() if start in name), None)
    return {f"idx/{found}": gzip.compress(_sound_idx(found), mtime=0)} if found else {}


def _verify(data: str) -> str:
    return f"verify m.tflite --against m.tflite --data {data}"


def _manifest(draw: random.Random) -> tuple[str, bytes, str]:
    text = _MANIFEST
    for _ in range(draw.choice((0, 1, 3))):
        old = draw.choice(("path", "label", "ant", "pictures/x/1.png", ",", "\n", "train"))
        text = text.replace(old, draw.choice((*mutate.HOSTILE, '"', ";", "\t", "a,b,c", "/dev/zero", "pictures/x")), 1)
    data = text.encode(draw.choice(("utf-8", "utf-16", "utf-8-sig", "utf-32")), errors="surrogatepass")
    data = mutate.octets(data, draw) if draw.random() < 0.4 else data
    name = f"m{draw.choice(('.csv', '.tsv'))}"
    return name, data, _verify(name)


def _zip(draw: random.Random) -> tuple[str, bytes, str]:
    stream = io.BytesIO()
    kind = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name in draw.sample(_MEMBERS, draw.randint(1, 4)):
            archive.writestr(zipfile.ZipInfo(name), _content(draw), kind)
    data = stream.getvalue()
    return "d.zip", mutate.octets(data, draw, edge=300) if draw.random() < 0.6 else data, _verify("d.zip")


def _content(draw: random.Random) -> bytes:
    return draw.choice((models.picture(), models.picture(), b"", b"\0" * (1 << 22), draw.randbytes(50)))


def _tar(draw: random.Random) -> tuple[str, bytes, str]:
    stream = io.BytesIO()
    form = draw.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name in draw.sample(_MEMBERS, draw.randint(1, 4)):
            info = tarfile.TarInfo(name.replace("\x1b", "e")[:90])
            info.type = draw.choice(
                (tarfile.REGTYPE,) * 4 + (tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE)
            )
            info.linkname = "/etc/passwd" if info.type == tarfile.SYMTYPE else ""
            content = _content(draw)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    data = stream.getvalue()
    data = mutate.octets(data, draw, edge=1500) if draw.random() < 0.6 else data
    suffix = draw.choice((".tar", ".tar.gz", ".tar.xz", ".tar.bz2"))
    if suffix == ".tar.gz":
        data = gzip.compress(data, mtime=0)
        data = mutate.octets(data, draw, edge=100) if draw.random() < 0.3 else data
    return f"d{suffix}", data, _verify(f"d{suffix}")


def _sound_idx(name: str) -> bytes:
    if "labels" in name:
        return b"\0\0\x08\x01\0\0\0\x02\x01\x02"
    return b"\0\0\x08\x03\0\0\0\x02\0\0\0\x1c\0\0\0\x1c" + bytes(2 * 28 * 28)


def _idx(draw: random.Random) -> tuple[str, bytes, str]:
    name = draw.choice(("train-images-idx3-ubyte", "train-labels-idx1-ubyte"))
    data = mutate.octets(_sound_idx(name), draw, edge=16)
    data = gzip.compress(data if draw.random() < 0.8 else data + bytes(1 << 26), mtime=0)
    data = mutate.octets(data, draw, edge=40) if draw.random() < 0.3 else data
    return f"idx/{name}.gz", data, _verify("fashion-mnist:idx")


def _labels(draw: random.Random) -> tuple[str, bytes, str]:
    forms = (
        "\n".join(_NAMES),
        "\n".join(f"{n} {name}" for n, name in enumerate(_NAMES)),
        "\n".join(f"{name},{n}" for n, name in enumerate(_NAMES)),
    )
    objects = (
        {name: n for n, name in enumerate(_NAMES)},
        {str(n): ["n02123045", name] for n, name in enumerate(_NAMES)},
        list(_NAMES),
    )
    if draw.random() < 0.5:
        data = next(mutants(draw.choice(objects), 1, str(draw.random()))).encode(errors="surrogatepass")
    else:
        text = draw.choice(forms)
        for _ in range(draw.choice((1, 2, 4))):
            text = text.replace(
                draw.choice((*_NAMES, "\n", ",", "3")), draw.choice((*mutate.HOSTILE, "9" * 5000, "-1", "²")), 1
            )
        data = text.encode(draw.choice(("utf-8", "utf-16", "latin-1")), errors="replace")
    data = mutate.octets(data, draw) if draw.random() < 0.3 else data
    return "l.txt", data, "classify m.tflite a.png --labels l.txt --top 10"
