"""The generated classes of TFLite's `schema.fbs`, which ai-edge-litert carries and does not document."""

from __future__ import annotations

from typing import Any

from edgecnn.core.errors import MissingExtraError

try:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
except ImportError as error:
    raise MissingExtraError(
        "Writing .tflite files needs ai-edge-litert on this machine, and so Python 3.10 or newer on a 64-bit system. "
        "Install it with: pip install ai-edge-litert"
    ) from error

__all__ = ["builtin_code", "operator_code", "pack", "schema", "text", "unpack"]


def unpack(model: bytes) -> Any:
    """A `schema.ModelT` to be changed."""
    return schema.ModelT.InitFromPackedBuf(model, 0)


def pack(model: Any) -> bytes:
    """The inverse of `unpack`."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def builtin_code(code: Any) -> int:
    """What an operator code means: numbers above 126 have only the new field, files before 2020 only the old one."""
    return max(int(code.deprecatedBuiltinCode), int(code.builtinCode))


def operator_code(model: Any, builtin: int, version: int = 1) -> int:
    """The number of an operator's code in a `ModelT`, added if the model doesn't have it yet."""
    for number, code in enumerate(model.operatorCodes):
        if builtin_code(code) == builtin and code.version == version:
            return number
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def text(name: bytes | str) -> str:
    """A tensor's name, which is bytes where it was read and a string where it was written."""
    return name.decode() if isinstance(name, bytes) else name
