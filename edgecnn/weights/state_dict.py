"""The tensors of a PyTorch file, whatever its format: safetensors in one or several files, or a checkpoint."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.errors import WeightsError
from edgecnn.core.files import file_sha256
from edgecnn.core.text import counted
from edgecnn.weights import safetensors, torch_legacy, torch_zip
from edgecnn.weights.torch_pickle import Arrays

INDEX = ".index.json"
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", INDEX)
_WRAPPED = ("module.", "_orig_mod.")  # DataParallel's and torch.compile's names for the model itself


def read(path: Path) -> Arrays:
    """Tensor name -> array, shapes as PyTorch has them.

    Args:
        path: of a safetensors file, a checkpoint (.pth, .pt, .bin), or the index of a model in several files.

    Raises:
        WeightsError: a file is missing, damaged, or names files somewhere else.
        UntrustedModelError: a checkpoint asks for more than tensors.
    """
    if not path.is_file():
        raise WeightsError(
            f"There is no weights file {path}. Use none, imagenet, a file, timm:NAME.TAG or hf:ORG/NAME."
        )
    found = _sharded(path) if path.name.endswith(INDEX) else _single(path)
    for prefix in _WRAPPED:
        if all(key.startswith(prefix) for key in found):
            found = {key.removeprefix(prefix): array for key, array in found.items()}
    return found


def digests(path: Path) -> dict[str, str]:
    """File name -> sha256, of the file, or of an index and all files that it names."""
    files = [path, *sorted(set(safetensors.shards(path).values()))] if path.name.endswith(INDEX) else [path]
    return {file.name: file_sha256(file) for file in files}


def _single(path: Path) -> Arrays:
    if path.suffix == ".safetensors":
        return safetensors.read(path)
    try:
        with path.open("rb") as content:
            is_zip = content.read(2) == b"PK"
    except OSError as error:
        raise WeightsError(
            f"Can't read the checkpoint {path}: {error.strerror}. Check its name and permissions."
        ) from error
    return torch_zip.read(path) if is_zip else torch_legacy.read(path)


def _sharded(path: Path) -> Arrays:
    places = safetensors.shards(path)
    files = {file: _single(file) for file in sorted(set(places.values()))}
    missing = sorted(key for key, file in places.items() if key not in files[file])
    if missing:
        raise WeightsError(
            f"{path} is incomplete: its files lack {counted(len(missing), 'tensor')} (the first is "
            f"{missing[0]}). Download all files."
        )
    return {key: files[file][key] for key, file in places.items()}
