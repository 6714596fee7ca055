"""models.md: what can be built, from `edgecnn models --json -`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from . import markdown, surfaces

INTRODUCTION = (
    "All landmark networks are one name away, and every family converts to int8 as a whole: no float operator is left. "
    "Trainable parameters equal the published ones in all digits, and multiply-accumulates (MACs) equal torchvision's, "
    "or the paper's within 2 %; where the authors counted otherwise, `tests/models/test_architectures.py` names the "
    "model and the reason."
)
TABLE = (
    "Measured with 1,000 classes at the input size shown; parameters include the moving statistics of batch norms. The "
    "top-1 accuracy on ImageNet was published by the paper or by the authors of the weights (see the model's file in "
    "`edgecnn/models/families/`)."
)
WEIGHTS = {"yes": "installed", "download": "tf_keras.applications", "no": "-"}
WHERE = """`--weights imagenet` takes those that are installed with edgecnn or that tf_keras.applications downloads. \
Of timm and torchvision the columns have the names and, in parentheses, how many weights are published of each: \
[Weights from timm and torchvision](../how_to/pytorch_weights.md). `edgecnn models --json FILE` lists them all."""
NOTES = """MobileNets of other widths have weights where Keras has them. The ResNet50, ResNet101 and ResNet152 of \
tf_keras.applications are version 1 (stride in the first 1x1 convolution) and are called `resnet50_v1` and so on here; \
`resnet50` is version 1.5. GoogLeNet's two auxiliary classifiers are trained wherever `edgecnn train` trains all \
layers, with losses weighted by 0.3 as in the paper; the model that is written has none of them."""


def page() -> str:
    rows = surfaces.models()
    parts = [
        markdown.console(EXAMPLES),
        "## Size and accuracy",
        TABLE,
        _sizes(rows),
        "## ImageNet weights",
        WHERE,
        _weights(rows),
        NOTES,
        "## What an Edge TPU leaves to the processor",
        "By the Edge TPU's published rules. All other models run on it as a whole.",
        _limits(rows),
    ]
    return markdown.page("Models", INTRODUCTION, *parts)


EXAMPLES = (
    ("edgecnn models resnet", ""),
    ("edgecnn build resnet50_v2 --weights imagenet -o resnet.keras", ""),
    ("edgecnn build convnext_tiny --classes 10 --input-size 96 -o convnext.keras", ""),
)


def _sizes(rows: list[dict[str, Any]]) -> str:
    columns = ("model", "parameters", "MACs", "float32", "int8", "input", "published top-1", "paper")
    cells = [
        (
            markdown.code(row["name"]),
            _scaled(row, "parameters", 2, " M"),
            _scaled(row, "macs", 0, " M"),
            _scaled(row, "float32_bytes", 1, " MB"),
            _scaled(row, "int8_bytes", 1, " MB"),
            str(row["input_size"]),
            f"{row['published_top1_percent']} %" if row["published_top1_percent"] else "-",
            f"[{row['paper'].rpartition('(')[2].rstrip(')')}]({row['url']})",
        )
        for row in rows
    ]
    return markdown.table(columns, cells, right=columns[1:-1])


def _scaled(row: dict[str, Any], key: str, digits: int, unit: str) -> str:
    return f"{row[key] / 1e6:,.{digits}f}{unit}" if row.get(key) else "-"


def _weights(rows: list[dict[str, Any]]) -> str:
    cells = [
        (
            markdown.code(row["name"]),
            WEIGHTS[row["weights"]],
            *(_published(row, name) for name in ("timm", "torchvision")),
        )
        for row in rows
    ]
    return markdown.table(("model", "`--weights imagenet`", "timm", "torchvision"), cells)


def _published(row: dict[str, Any], library: str) -> str:
    """The names of a library's models, with how many weights each has."""
    names = [name.partition(":")[2] for name in row["published_weights"] if name.startswith(f"{library}:")]
    counts = Counter(name.partition(".")[0] for name in names)
    return ", ".join(f"{markdown.code(model)} ({count})" for model, count in counts.items()) or "-"


def _limits(rows: list[dict[str, Any]]) -> str:
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for limit in row["limits"]:
            found.setdefault((", ".join(limit["layers"]), limit["reason"]), []).append(row["name"])
    cells = [
        (", ".join(map(markdown.code, names)), markdown.code(layers), reason)
        for (layers, reason), names in found.items()
    ]
    return markdown.table(("models", "layers", "reason"), cells)
