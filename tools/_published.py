"""Record what timm and torchvision publish and compute; run by `tools/published` where both are installed.

Writes the tables of published configurations (edgecnn/weights/published_timm.json, published_torchvision.json), and for
each model the logits of seeded weights (tests/weights/recorded/), which the tests replay without PyTorch. With names of
models only their logits are recorded anew.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import seeded_weights
import timm
import torch
import torchvision
from torch import nn

from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.models import catalog

ROOT = Path(__file__).parent.parent
TABLES = ROOT / "edgecnn" / "weights"
RECORDED = ROOT / "tests" / "weights" / "recorded"
CLASSES = 10  # of the recorded models

# The libraries' name -> our variant and its width.
_B = range(8)
TIMM = {
    "convformer_s18": ("convformer_s18", 1.0),
    **{f"convnext_{size}": (f"convnext_{size}", 1.0) for size in ("tiny", "small", "base")},
    **{f"{tf}efficientnet_b{n}": (f"efficientnet_b{n}", 1.0) for n in _B for tf in ("", "tf_")},
    **{f"{tf}efficientnet_lite{n}": (f"efficientnet_lite{n}", 1.0) for n in range(5) for tf in ("", "tf_")},
    **{f"tf_efficientnetv2_b{n}": (f"efficientnet_v2_b{n}", 1.0) for n in range(4)},
    **{f"{tf}efficientnetv2_s": ("efficientnet_v2_s", 1.0) for tf in ("tf_",)},
    **{f"mobilenetv1_{width}": ("mobilenet_v1", int(width) / 100) for width in ("100", "125")},
    **{f"mobilenetv2_{width}": ("mobilenet_v2", int(width) / 100) for width in ("035", "050", "075", "100", "140")},
    **{f"{tf}mobilenetv3_{s}_100": (f"mobilenet_v3_{s}", 1.0) for s in ("large", "small") for tf in ("", "tf_")},
    **{f"{tf}mobilenetv3_{s}_075": (f"mobilenet_v3_{s}", 0.75) for s in ("large", "small") for tf in ("", "tf_")},
    **{f"tf_mobilenetv3_{s}_minimal_100": (f"mobilenet_v3_{s}_minimalistic", 1.0) for s in ("large", "small")},
    **{f"mobilenetv4_conv_{size}": (f"mobilenet_v4_conv_{size}", 1.0) for size in ("small", "medium")},
    **{f"resnet{depth}": (f"resnet{depth}", 1.0) for depth in (18, 34, 50, 101, 152)},
    **{f"resnetv2_{depth}": (f"resnet{depth}_v2", 1.0) for depth in (18, 34, 50, 101, 152)},
    **{f"vgg{depth}": (f"vgg{depth}", 1.0) for depth in (16, 19)},
    **{f"vit_{s}_patch16_{n}": (f"vit_{s}_16", 1.0) for s in ("tiny", "small", "base") for n in (224, 384)},
    **{f"deit_{s}_patch16_224": (f"vit_{s}_16", 1.0) for s in ("tiny", "small", "base")},
    "deit_base_patch16_384": ("vit_base_16", 1.0),
}
TORCHVISION = {
    "alexnet": ("alexnet_one_tower", 1.0),
    **{f"convnext_{size}": (f"convnext_{size}", 1.0) for size in ("tiny", "small", "base")},
    **{f"efficientnet_b{n}": (f"efficientnet_b{n}", 1.0) for n in _B},
    "efficientnet_v2_s": ("efficientnet_v2_s", 1.0),
    "googlenet": ("googlenet_bn", 1.0),
    "mobilenet_v2": ("mobilenet_v2", 1.0),
    **{f"mobilenet_v3_{size}": (f"mobilenet_v3_{size}", 1.0) for size in ("large", "small")},
    **{f"resnet{depth}": (f"resnet{depth}", 1.0) for depth in (18, 34, 50, 101, 152)},
    **{f"vgg{depth}": (f"vgg{depth}", 1.0) for depth in (16, 19)},
    "vit_b_16": ("vit_base_16", 1.0),
}
MODELS = {"timm": TIMM, "torchvision": TORCHVISION}
FULL_SIZE = ("vgg", "alexnet")  # their dense layers have the size of the published input
DEEP = ("efficientnet_b5", "efficientnet_b6", "efficientnet_b7")


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    for library, models in MODELS.items():
        if not names:
            write_table(library, models)
    for library, models in MODELS.items():
        for model in models:
            if not names or model in names:
                record(library, model)


def write_table(library: str, models: dict[str, tuple[str, float]]) -> None:
    version = (timm if library == "timm" else torchvision).__version__.partition("+")[0]
    rows = {}
    for model, (variant, width) in models.items():
        tags = timm_tags(model) if library == "timm" else torchvision_tags(model)
        arguments = differences(library, model, catalog.family(variant))
        rows[model] = {"variant": variant, "width": width, "arguments": arguments, "tags": tags}
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(rows.items()))
    content = f'{{"library": "{library}", "version": "{version}", "models": {{\n{text}\n}}}}\n'
    json.loads(content)
    (TABLES / f"published_{library}.json").write_text(content)
    print(library, version, len(rows), "models", sum(len(row["tags"]) for row in rows.values()), "tags", flush=True)


def timm_tags(model: str) -> dict[str, Any]:
    """Tag -> what timm publishes of it, the default first; of a model without weights, what it takes by default."""
    names = sorted(name for name in timm.list_models(f"{model}.*", pretrained=True) if name.startswith(f"{model}."))
    default = timm.models.get_pretrained_cfg(model)
    names.sort(key=lambda name: name != f"{model}.{default.tag}")
    found = {name.partition(".")[2]: timm.models.get_pretrained_cfg(name) for name in names} or {"": default}
    return {tag: timm_row(config) for tag, config in found.items()}


def timm_row(config: Any) -> dict[str, Any]:
    return {
        "input_size": config.input_size[1],
        "mean": list(config.mean),
        "std": list(config.std),
        "crop": round(config.crop_pct, 4),
        "fit": {"center": "crop", "squash": "stretch", "border": "pad"}[config.crop_mode],
        "interpolation": config.interpolation,
        "classes": config.num_classes,
        "license": config.license or "",
        "hub": config.hf_hub_id or "",
        "file": (config.url or "").rpartition("/")[2],
    }


def torchvision_tags(model: str) -> dict[str, Any]:
    weights = [entry for entry in torchvision.models.get_model_weights(model) if entry.meta["categories"]]
    default = torchvision.models.get_model_weights(model).DEFAULT
    weights.sort(key=lambda entry: entry is not default)
    return {entry.name: torchvision_row(model, entry) for entry in weights}


def torchvision_row(model: str, entry: Any) -> dict[str, Any]:
    prepared = entry.transforms()
    # GoogLeNet's weights normalize once more inside the model (transform_input), to (pixel / 255 - 0.5) / 0.5.
    googlenet = model == "googlenet"
    return {
        "input_size": prepared.crop_size[0],
        "mean": [0.5] * 3 if googlenet else list(prepared.mean),
        "std": [0.5] * 3 if googlenet else list(prepared.std),
        "crop": round(prepared.crop_size[0] / prepared.resize_size[0], 4),
        "fit": "crop",
        "interpolation": prepared.interpolation.value,
        "classes": len(entry.meta["categories"]),
        "license": entry.meta.get("license", ""),
        "hub": "",
        "file": entry.url.rpartition("/")[2],
        "top1": entry.meta["_metrics"]["ImageNet-1K"]["acc@1"],
    }


def differences(library: str, model: str, family: str) -> dict[str, Any]:
    """What the library's model has otherwise than ours: arguments of our family's `build`."""
    if model == "googlenet":
        return {"last_pool": 2, "style": style(library, model, family)}
    if model.startswith("resnetv2"):
        return {"version": "v2_timm"}
    if family in ("resnet", "vgg", "alexnet", "vit", "convnext", "convformer"):
        return {}
    changed = style(library, model, family)
    return {"style": changed} if changed else {}


def style(library: str, model: str, family: str) -> dict[str, Any]:
    """Fields of `Style` that differ, as the modules themselves have them."""
    modules = list(made(library, model, on="meta").modules())
    norms = [module for module in modules if isinstance(module, nn.BatchNorm2d)]
    strided = [module for module in modules if isinstance(module, nn.Conv2d) and module.stride[0] > 1]
    epsilons, momenta = {norm.eps for norm in norms}, {norm.momentum for norm in norms}
    same = {type(module).__name__ == "Conv2dSame" for module in strided}
    assert len(epsilons) == len(same) == len(momenta) == 1, (model, epsilons, same, momenta)
    found = {"epsilon": epsilons.pop(), "momentum": round(1 - momenta.pop(), 6), "symmetric": not same.pop()}
    ours = dataclasses.asdict(MODEL_FAMILIES.load(family).STYLE)
    return {name: value for name, value in found.items() if ours[name] != value}


def made(library: str, model: str, *, on: str = "cpu", **options: Any) -> nn.Module:
    with torch.device(on):
        if library == "timm":
            return timm.create_model(model, **options).eval()
        more = {"init_weights": False, "aux_logits": True} if model == "googlenet" else {}
        return torchvision.models.get_model(model, weights=None, **more, **options).eval()


def record(library: str, model: str) -> None:
    """The logits of seeded weights for seeded images, and what is needed to make both again."""
    size = 224 if model.startswith(FULL_SIZE) else 64
    options: dict[str, Any] = {"num_classes": CLASSES}
    if "patch16" in model:
        options["img_size"] = size
    elif model == "vit_b_16":
        options["image_size"] = size
    network = made(library, model, **options)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items() if not key.endswith("_tracked")}
    images = torch.from_numpy(seeded_weights.images(size, seeded_weights.SEED).transpose(0, 3, 1, 2).copy())
    load(network, seeded_weights.weights(shapes, seeded_weights.SEED))
    norms = units(network, images)
    weights = load(network, seeded_weights.weights(shapes, seeded_weights.SEED, norms))
    with torch.no_grad():
        logits = network(images).numpy()
    content = {
        "library": library,
        "version": (timm if library == "timm" else torchvision).__version__,
        "torch": torch.__version__,
        "model": model,
        "input_size": size,
        "shapes": shapes,
        "norms": norms,
        "sha256": seeded_weights.digest(weights),
        "logits": [[round(float(value), 7) for value in row] for row in logits],
    }
    RECORDED.mkdir(exist_ok=True, parents=True)
    compressed = gzip.compress(json.dumps(content).encode(), 9, mtime=0)
    (RECORDED / f"{library}_{model}.json.gz").write_bytes(compressed)
    spread = abs(logits[0] - logits[1]).max()
    print(library, model, size, f"logits up to {abs(logits).max():.3f}, images differ by {spread:.3f}", flush=True)


def load(network: nn.Module, weights: dict[str, Any]) -> dict[str, Any]:
    network.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()}, strict=False)
    return weights


def units(network: nn.Module, images: torch.Tensor) -> dict[str, float]:
    """Name of each batch norm -> size of what comes into it, when those before it have statistics of that size."""
    found: dict[str, float] = {}

    def measure(name: str, norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
        found[name] = float(f"{inputs[0].std().item():.3g}")
        norm.running_mean *= found[name]
        norm.running_var *= found[name] ** 2

    hooks = [
        module.register_forward_pre_hook(functools.partial(measure, name))
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
