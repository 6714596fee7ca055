"""The generated classes of TFLite's `schema.fbs`, which ai-edge-litert carries and does not document."""

from __future__ import annotations

from typing import Any

from edgecnn.core.errors import MissingExtraError, ModelFileError
from edgecnn.runtime.model.flatbuffer import Table

try:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
except ImportError as error:
    raise MissingExtraError(
        "Writing .tflite files needs ai-edge-litert, which exists for Python 3.10 or newer on 64-bit systems. "
        "Install it with: pip install ai-edge-litert"
    ) from error

_SUBGRAPHS, _SIGNATURES = 2, 7  # fields of a model
_SPARSITY, _VARIANTS = 6, 9  # of a tensor

__all__ = ["builtin_code", "operator_code", "pack", "schema", "text", "unpack"]


def unpack(model: bytes) -> Any:
    """A `schema.ModelT` to be changed.

    Raises:
        ModelFileError: the file is damaged in a part that only this reader reads.
    """
    try:
        _refuse_amplified(Table.root(model, bounded=True))
        return schema.ModelT.InitFromPackedBuf(model, 0)
    except ModelFileError:
        raise
    except Exception as error:  # it follows offsets out of the file, and trips over whatever it finds there
        raise ModelFileError(
            f"The model file is damaged: reading its contents failed ({type(error).__name__}). Convert the model again."
        ) from error


def _refuse_amplified(root: Table) -> None:
    """What `tflite.parse` doesn't read: tables in tables that share others would make a small file endless."""
    for signature in root.tables(_SIGNATURES):
        signature.tables(0), signature.tables(1)
    for graph in root.tables(_SUBGRAPHS):
        for tensor in graph.tables(0):
            sparsity = tensor.table(_SPARSITY)
            if sparsity:
                sparsity.tables(2)
            tensor.tables(_VARIANTS)


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
