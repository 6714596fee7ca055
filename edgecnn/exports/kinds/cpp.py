"""A C++ program that needs only TensorFlow Lite's C library, and answers what `classify` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.options import NoOptions
from edgecnn.exports import Contents, template

if TYPE_CHECKING:
    import numpy as np

    from edgecnn.runtime.model.model_file import ModelFile

SUMMARY = "a C++ program that needs only TensorFlow Lite's C library"
_TYPES = {"uint8": "uint8_t", "int8": "int8_t", "float32": "float"}
_FILES = ("main.cpp", "classifier.h", "preprocess.h", "CMakeLists.txt")


def contents(file: ModelFile, options: NoOptions) -> Contents:
    """The program, with what it must know of the model in `model.h`; see `edgecnn.exports.ExportKind`."""
    from edgecnn.exports.model_json import classifier_of

    contract = classifier_of(file)
    return Contents(
        {
            "model.tflite": file.data,
            "model.h": template.filled("cpp/model.h.j2", **_places(file)),
            "tflite_c.h": template.read("cpp/tflite_c.h.j2"),
            **{name: template.read(f"cpp/{name}.j2") for name in _FILES},
            "README.md": template.filled("cpp/README.md.j2", name=template.plain(contract.name)),
        },
        notes=contract.assumed,
    )


def _places(file: ModelFile) -> dict[str, str]:
    """What `model.h` is filled with.

    Raises:
        UsageError: the program has no tensors of the model's types.
    """
    from edgecnn.core.errors import UsageError
    from edgecnn.runtime.run.engine import Interface
    from edgecnn.runtime.run.preprocess import input_table

    interface = Interface(file)
    for info in (interface.input, interface.output):
        if info.dtype.name not in _TYPES:
            raise UsageError(
                f"{file.name} has tensors of type {info.dtype.name}; the program takes {', '.join(_TYPES)}. Quantize "
                "the model again with --io uint8, int8 or float32."
            )
    contract, taken = interface.contract, interface.input
    how = contract.preprocessing
    return {
        "type": _TYPES[taken.dtype.name],
        **{name: str(getattr(how, name)) for name in ("height", "width", "channels", "color", "resize", "fit")},
        "crop": repr(how.crop),
        "output": contract.output,
        "table": _table(input_table(how, taken.dtype, taken.scale, taken.zero_point)),
        "count": str(len(contract.labels)),
        "labels": "\n".join(f"    {string(label)}," for label in contract.labels),
    }


def _table(table: np.ndarray) -> str:
    """Rows of C++ numbers; nine digits are enough for each float of 32 bits."""
    is_float = table.dtype.kind == "f"
    rows = (", ".join(f"{float(value):.8e}f" if is_float else str(int(value)) for value in row) for row in table)
    return "\n".join(f"    {{{row}}}," for row in rows)


def string(text: str) -> str:
    """A string literal in ASCII, of UTF-8 bytes; control characters are replaced."""
    from edgecnn.core.text import printable

    octets = " ".join(printable(text).split()).encode("utf-8", "replace")
    return '"' + "".join(chr(o) if 32 <= o < 127 and chr(o) not in '"\\?' else f"\\{o:03o}" for o in octets) + '"'
