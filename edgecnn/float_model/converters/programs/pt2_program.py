"""Converts an exported PyTorch program by LiteRT Torch, and runs one by PyTorch. Runs in its environment, by itself.

    pt2_program.py convert MODEL.pt2 FOLDER [SIZE]   writes FOLDER/model.tflite and FOLDER/notes.json
    pt2_program.py run MODEL.pt2                     arrays in, arrays out, as .npy on the standard streams

`torch.export.load` unpickles: whoever starts this trusts the file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from common import RefusedError, compare, image_shape, main, serve


def load(path: str) -> tuple[Any, list[int]]:
    """The module, and the sizes of its only input, 0 where they are open."""
    try:
        program = torch.export.load(path)
    except Exception as error:  # zipfile's, pickle's and torch's own kinds
        raise RefusedError(f"is no exported program of torch.export: {' '.join(str(error).split())[:200]}") from error
    names = program.graph_signature.user_inputs
    if len(names) != 1 or len(program.graph_signature.user_outputs) != 1:
        counts = f"{len(names)} inputs and {len(program.graph_signature.user_outputs)} outputs"
        raise RefusedError(f"has {counts}; expected one image, and one output of classes.")
    value = next(node.meta["val"] for node in program.graph.nodes if node.name == names[0])
    if value.dtype != torch.float32:
        raise RefusedError(f"takes {value.dtype} numbers; expected torch.float32.")
    return program.module(), [size if isinstance(size, int) else 0 for size in value.shape]


def convert(path: str, folder: Path, size: int | None) -> None:
    """Convert, and compare with PyTorch on a random image."""
    import litert_torch

    module, sizes = load(path)
    layout, shape = image_shape(sizes, size)
    image = torch.zeros([shape[axis] for axis in (0, 2, 3, 1)] if layout == "NCHW" else shape)
    source = litert_torch.to_channel_last_io(module, args=[0]) if layout == "NCHW" else module
    litert_torch.convert(source, (image,)).export(str(folder / "model.tflite"))
    compare(folder / "model.tflite", layout, shape, answer_of(module, sizes))
    notes = {"by": f"litert-torch {version('litert-torch')}", "torch": torch.__version__, "layout": layout}
    (folder / "notes.json").write_text(json.dumps(notes))


def answer_of(module: Any, sizes: Sequence[int]) -> Callable[[np.ndarray], Sequence[Any]]:
    """The module on batches; one image at a time where it takes no more."""
    step = sizes[0]

    def answer(images: np.ndarray) -> Sequence[Any]:
        parts = [images[place : place + step] for place in range(0, len(images), step)] if step else [images]
        with torch.no_grad():
            found = [module(torch.from_numpy(part)) for part in parts]
        return [torch.cat(found).numpy()]

    return answer


def run(path: str) -> None:
    """Answer batches until the input ends."""
    torch.set_num_threads(1)  # on a busy machine several would mostly wait for each other
    module, sizes = load(path)
    serve(answer_of(module, sizes), image_shape(sizes, 1)[0])


if __name__ == "__main__":
    main(convert, run)
