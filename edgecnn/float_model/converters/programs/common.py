"""What the programs share, with each other and with edgecnn: refusals, arrays on streams, the shape of an image.

NumPy only: it is imported in three environments.
"""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

REFUSED = 3
TOLERANCE = 1e-3  # of the largest output


class RefusedError(Exception):
    """Why the model isn't converted; one sentence that goes on from the file's name."""


def main(convert: Callable[[str, Path, int | None], None], run: Callable[[str], None]) -> None:
    """Dispatch by the command line, and turn a refusal into its exit status."""
    what, path, *words = sys.argv[1:]
    try:
        run(path) if what == "run" else convert(path, Path(words[0]), int(words[1]) if len(words) > 1 else None)
    except RefusedError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)


def image_shape(sizes: Sequence[int], size: int | None) -> tuple[str, list[int]]:
    """ "NCHW" or "NHWC", and the shape for one image.

    Args:
        sizes: of the model's input; 0 where it is open.
        size: height and width where they are open.

    Raises:
        RefusedError: it is no image, or its size isn't known.
    """
    shape = list(sizes)
    shown = [each or -1 for each in shape]
    if len(shape) != 4 or not ({1, 3} & {shape[1], shape[3]}):
        raise RefusedError(
            f"takes an input of shape {shown}; expected an image: [batch, 1 or 3, height, width] or [batch, height, "
            "width, 1 or 3]."
        )
    shape[0] = 1
    if 0 in shape and size is None:
        raise RefusedError(f"has no fixed input size ({shown}). Set it with --input-size N.")
    return "NCHW" if shape[1] in (1, 3) else "NHWC", [length or int(size or 0) for length in shape]


def turned(images: np.ndarray, layout: str) -> np.ndarray:
    """Images (n, height, width, channels) in the model's layout."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2) if layout == "NCHW" else images)


def compare(converted: Path, layout: str, shape: Sequence[int], answer: Callable[[np.ndarray], Sequence[Any]]) -> None:
    """Compare a converted model with its source on a random image.

    Args:
        converted: float `.tflite` that takes (1, height, width, channels).
        layout: of the source's input.
        shape: the source's input for one image.
        answer: the source, from its input to its outputs.

    Raises:
        RefusedError: the input isn't what it should be, there are several outputs, or they differ.
    """
    from ai_edge_litert.interpreter import Interpreter

    order = (0, 2, 3, 1) if layout == "NCHW" else (0, 1, 2, 3)
    image = np.random.default_rng(1).normal(size=[shape[axis] for axis in order]).astype(np.float32)
    expected = [np.asarray(each) for each in answer(turned(image, layout))]
    interpreter = Interpreter(str(converted))
    interpreter.allocate_tensors()
    given, details = interpreter.get_input_details()[0], interpreter.get_output_details()
    if tuple(given["shape"]) != image.shape:
        raise RefusedError(f"became a model with the input {list(given['shape'])}; expected {list(image.shape)}.")
    if len(details) != 1 or len(expected) != 1:
        raise RefusedError(f"gives {len(expected)} outputs; expected one, of classes.")
    interpreter.set_tensor(given["index"], image)
    interpreter.invoke()
    found = interpreter.get_tensor(details[0]["index"])
    difference, largest = np.abs(found.reshape(-1) - expected[0].reshape(-1)).max(), np.abs(expected[0]).max()
    if not difference <= TOLERANCE * largest:
        raise RefusedError(
            f"gives other outputs after its conversion: by {difference:.2g} where the largest is {largest:.2g}. Export "
            "it with another opset, or simplify it."
        )


def send(stream: IO[bytes], array: np.ndarray) -> None:
    """Write an array to a pipe: the length of what follows, 8 bytes, and a .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    stream.write(struct.pack("<Q", file.tell()) + file.getvalue())
    stream.flush()


def receive(stream: IO[bytes]) -> np.ndarray:
    """The inverse of `send`.

    Raises:
        EOFError: the stream has ended.
        ValueError: what comes is no array.
    """
    length = stream.read(8)
    if len(length) < 8:
        raise EOFError("the stream has ended")
    array: np.ndarray = np.load(io.BytesIO(stream.read(struct.unpack("<Q", length)[0])), allow_pickle=False)
    return array


def serve(answer: Callable[[np.ndarray], Sequence[Any]], layout: str) -> None:
    """Answer batches of images, .npy on the standard streams, until the input ends.

    Args:
        answer: from images in the model's layout to its outputs.
        layout: of the model's input.
    """
    while True:
        try:
            images = turned(receive(sys.stdin.buffer), layout)
        except EOFError:
            return
        outputs = [np.asarray(each) for each in answer(images)]
        for array in (np.array(len(outputs)), *outputs):
            send(sys.stdout.buffer, array)
