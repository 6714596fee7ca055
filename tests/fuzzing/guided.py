"""Guided by coverage, where atheris is installed: the readers themselves, in this process, without a command.

What a command prints, or how much memory it takes, is not seen here; an exception that is none of edgecnn's own is.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

SUFFIXES = {"model": (".tflite",), "image": (".png", ".jpg", ".webp", ".gif", ".bmp", ".tiff"), "record": (".json",)}
"""What can be guided, and which files of the corpus it starts from."""


def run(name: str, corpus: Sequence[Path], seconds: int, keep: Path) -> None:
    """Fuzz a reader; ends the process: 0, or libFuzzer's status if something was found, which it leaves in `keep`."""
    try:
        import atheris
    except ModuleNotFoundError:
        sys.exit("--coverage needs atheris: pip install atheris")
    with atheris.instrument_imports(include=["edgecnn"]):
        read, mutant, seeds = _READERS[name](corpus)
        from edgecnn.core.errors import EdgecnnError

    def one_input(data: bytes) -> None:
        try:
            read(data)
        except EdgecnnError:
            return

    start = keep / "corpus"
    start.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (start / f"seed{number}").write_bytes(seed)
    options = (f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={keep}/")
    atheris.Setup([sys.argv[0], str(start), *options], one_input, custom_mutator=mutant and _custom(mutant))
    atheris.Fuzz()


def _custom(mutant: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, int, int], bytes]:
    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        import atheris

        draw = random.Random(seed)
        if draw.random() < 0.3:
            return bytes(atheris.Mutate(data, max_size))
        try:
            return mutant(data, draw)[:max_size]
        except Exception:  # it is damaged already: no structure is left to change
            return bytes(atheris.Mutate(data, max_size))

    return mutate


Reader = Callable[[bytes], object]
Mutant = Callable[[bytes, random.Random], bytes]


def _files(name: str, corpus: Sequence[Path]) -> list[bytes]:
    return [path.read_bytes() for path in corpus if path.suffix.lower() in SUFFIXES[name]]


def _model(corpus: Sequence[Path]) -> tuple[Reader, Mutant | None, list[bytes]]:
    from edgecnn.core.compat.litert_schema import unpack
    from edgecnn.graph import tflite_network
    from edgecnn.inspection.analysis import analyze
    from edgecnn.runtime.model import model_file, tflite
    from fuzzing import models

    mutator = models.Mutator(models.seeds(corpus))

    def read(data: bytes) -> None:
        analyze(tflite_network.read(tflite.parse(data), "m.tflite"))
        model_file.from_bytes(data)
        unpack(data)

    return read, lambda data, draw: mutator.mutant(draw, data), mutator.models


def _image(corpus: Sequence[Path]) -> tuple[Reader, Mutant | None, list[bytes]]:
    from edgecnn.runtime.run.decode import decode
    from fuzzing.targets import image

    return decode, None, [content for _, content in image.sound_images()] + _files("image", corpus)


def _record(corpus: Sequence[Path]) -> tuple[Reader, Mutant | None, list[bytes]]:
    from edgecnn.runtime.model.contract import Contract
    from edgecnn.runtime.model.json_text import parse_json
    from fuzzing import models

    own = models.own_contract(models.seeds(())[0])
    return lambda data: Contract.from_dict(parse_json(data)), None, [own, *_files("record", corpus)]


_READERS: dict[str, Callable[[Sequence[Path]], tuple[Reader, Mutant | None, list[bytes]]]] = {
    "model": _model,
    "image": _image,
    "record": _record,
}
