"""How images become an encoder's input, from the configuration that libraries keep beside their models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import ModelFileError, RecordError
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.regular_file import read_regular

_MAX_BYTES = 4 << 20
_HALF = 0.5, 0.5, 0.5


@dataclass(frozen=True)
class Described:
    """What such a file says.

    Attributes:
        source: its name.
        fields: of `Preprocessing`, with "size" for height and width; those that it says.
    """

    source: str
    fields: Mapping[str, Any]


def beside(model: Path) -> Described | None:
    """What a configuration file beside a model says, or one above it if the model's folder is "onnx"; None without.

    Read are `preprocessor_config.json` (Transformers), `open_clip_config.json` (OpenCLIP) and a `config.json` with a
    `pretrained_cfg` (timm).

    Raises:
        ModelFileError: the file is damaged, or holds values that can't be.
    """
    folder = model.absolute().parent
    for place in (folder, folder.parent) if folder.name == "onnx" else (folder,):
        for name, reader in _READERS.items():
            path = place / name
            if path.is_file():
                fields = _read(path, reader)
                if fields is not None:
                    return Described(name, fields)
    return None


def _read(path: Path, reader: Callable[[Mapping[str, Any]], dict[str, Any] | None]) -> dict[str, Any] | None:
    try:
        values = parse_json(read_regular(path, _MAX_BYTES))
        return reader(values) if isinstance(values, dict) else None
    except (OSError, RecordError, TypeError, ValueError, KeyError, IndexError, ZeroDivisionError) as error:
        raise ModelFileError(
            f"{path} has an invalid value: {str(error)[:120]}. Correct it, or move it away and give --encoder-mean, "
            "--encoder-std and --encoder-size."
        ) from error


def _transformers(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of `preprocessor_config.json`: x = (pixel * rescale_factor - mean) / std."""
    if "image_mean" not in values and not values.get("do_rescale"):
        return None
    scale = float(values.get("rescale_factor", 1 / 255)) if values.get("do_rescale", True) else 1.0
    fields = _normalized(values, scale) if values.get("do_normalize", True) else {"mean": (0.0,), "std": (1 / scale,)}
    size = values.get("size") or {}
    size = {"shortest_edge": size} if isinstance(size, int) else size
    cropped = _side(values.get("crop_size") or {}) if values.get("do_center_crop") else None
    if "shortest_edge" in size:
        side = cropped or int(size["shortest_edge"])
        fields |= {"size": side, "fit": "crop", "crop": min(1.0, side / int(size["shortest_edge"]))}
    elif size:
        fields |= {"size": _side(size), "fit": "stretch"}
    return fields


def _normalized(values: Mapping[str, Any], scale: float) -> dict[str, Any]:
    mean, std = values.get("image_mean") or _HALF, values.get("image_std") or _HALF
    return {"mean": tuple(float(each) / scale for each in mean), "std": tuple(float(each) / scale for each in std)}


def _side(size: Any) -> int:
    if isinstance(size, int):
        return size
    if int(size["height"]) != int(size["width"]):
        raise ValueError(f"{size['height']} x {size['width']}; expected a square input")
    return int(size["height"])


def _open_clip(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of `open_clip_config.json`."""
    found, vision = values["preprocess_cfg"], values["model_cfg"]["vision_cfg"]
    fits = {"shortest": "crop", "squash": "stretch", "longest": "pad"}
    fields = {"size": int(vision["image_size"]), "fit": fits[found.get("resize_mode", "shortest")], "crop": 1.0}
    return fields | {name: tuple(255 * float(each) for each in found[name]) for name in ("mean", "std")}


def _timm(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of timm's `config.json`."""
    found = values.get("pretrained_cfg")
    if not isinstance(found, dict):
        return None
    fits = {"center": "crop", "squash": "stretch", "border": "pad"}
    fields = {
        "size": int(found["input_size"][1]),
        "fit": fits[found.get("crop_mode", "center")],
        "crop": float(found.get("crop_pct", 1)),
    }
    return fields | {name: tuple(255 * float(each) for each in found[name]) for name in ("mean", "std")}


_READERS = {"preprocessor_config.json": _transformers, "open_clip_config.json": _open_clip, "config.json": _timm}
