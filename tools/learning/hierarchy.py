"""What layers see: from edges to objects, on one photograph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ._markdown import command, figure, save_picture, table

TITLE = "What layers see"
SUMMARY = "from edges to objects, on one photograph"
PHOTOGRAPH, COLUMNS, TILE, MOST = "astronaut", 6, 96, 96
FIRST_THING = "n02666196"  # abacus: ImageNet's 398 kinds of animal have smaller WordNet ids than all its other classes


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Drawings of five depths, and what a simple classifier can tell by each (EDGECNN_SHARED/data/imagenet-sample)."""
    from edgecnn.inspection.effective import stage_ends
    from edgecnn.visualization.patches import before_activation

    from ._models import imagenet_sample, lite0, photograph, sample_of_imagenet

    subject = lite0()
    rows = [before_activation(subject, row) for row in stage_ends(subject.report)]
    image = subject.fitted(photograph(PHOTOGRAPH))
    maps = [np.maximum(each, 0) for each in subject.maps(image, rows)]
    layers = [_drawn(subject, image, row, each, number) for number, (row, each) in enumerate(zip(rows, maps), start=1)]
    images, _ = imagenet_sample(subject)
    animal = np.array([(example.label or "") < FIRST_THING for example in sample_of_imagenet().examples])
    pooled = [[each.clip(0, 6).mean(axis=(0, 1)) for each in subject.maps(image, rows)] for image in images]
    for index, layer in enumerate(layers):
        layer["animal_percent"] = separable_percent(np.stack([vectors[index] for vectors in pooled]), animal)
    yield {"layers": layers, "images": len(images), "animals": int(animal.sum())}


def _drawn(subject: Any, image: np.ndarray, row: Any, maps: np.ndarray, number: int) -> dict[str, Any]:
    """Six channels: the feature map above, below it where in the image the channel answers most."""
    from edgecnn.html import images
    from edgecnn.inspection.view import field_size
    from edgecnn.visualization import features

    chosen = particular(maps)
    tiles = [features.tile(maps[:, :, channel], side=TILE) for channel in chosen]
    tiles += [_spot(subject, image, row, maps[:, :, channel]) for channel in chosen]
    name = f"hierarchy_{number}.jpg"
    save_picture(name, images.sheet(tiles, COLUMNS))
    return {
        "layer": row.layer.name,
        "map": list(row.output_shape[1:]),
        "sees": field_size(row.reach),
        "file": name,
        "channels": chosen,
        "silent_percent": round(float(100 * (maps <= 0).mean()), 1),
    }


def particular(maps: np.ndarray) -> list[int]:
    """Channels whose largest answer stands out most, at least at five places if the map is small, all unlike."""
    flat = maps.reshape(-1, maps.shape[2])
    scores = (flat - flat.mean(axis=0)) / (flat.std(axis=0) + 1e-6)
    share = (flat > 0.25 * flat.max(axis=0)).mean(axis=0)
    allowed = (flat.max(axis=0) > 1) & (share < 0.4) & ((share * len(flat) >= 5) | (len(flat) > 300))
    chosen: list[int] = []
    for channel in np.argsort(-scores.max(axis=0) * allowed, kind="stable").tolist():
        if all(abs((scores[:, channel] * scores[:, other]).mean()) < 0.5 for other in chosen):
            chosen.append(channel)
        if len(chosen) == COLUMNS:
            break
    return chosen


def _spot(subject: Any, image: np.ndarray, row: Any, channel: np.ndarray) -> np.ndarray:
    """The middle of what the channel's strongest unit sees; at the last depth, the channel over the image."""
    from edgecnn.html import images

    if channel.shape[0] < 8:
        return images.scaled(images.over(subject.shown(image), channel / channel.max()), TILE, TILE, smooth=True)
    side = min(row.reach.axes[0].size, MOST)
    unit = np.unravel_index(int(channel.argmax()), channel.shape)
    centers = [(place + 0.5) * size / cells for place, size, cells in zip(unit, image.shape, channel.shape)]
    top, left = (int(min(max(center - side / 2, 0), image.shape[0] - side)) for center in centers)
    patch = subject.shown(image)[top : top + side, left : left + side]
    return images.scaled(patch, TILE, TILE, smooth=side > TILE // 4)


def separable_percent(vectors: np.ndarray, positive: np.ndarray, folds: int = 5) -> float:
    """Accuracy of a ridge classifier on standardized vectors, (n, channels), cross-validated."""
    fold = np.arange(len(vectors)) % folds
    right = 0
    for held in range(folds):
        learn, test = fold != held, fold == held
        mean, spread = vectors[learn].mean(axis=0), vectors[learn].std(axis=0) + 1e-6
        known, asked = (vectors[learn] - mean) / spread, (vectors[test] - mean) / spread
        target = np.where(positive[learn], 1.0, -1.0)
        penalty = float(vectors.shape[1])
        solved = known.T @ np.linalg.solve(known @ known.T + penalty * np.eye(len(known)), target - target.mean())
        right += int(((asked @ solved + target.mean() > 0) == positive[test]).sum())
    return round(100 * right / len(vectors), 1)


CAPTIONS = (
    ("Edges and colors", "Each channel answers to an edge of one orientation, or to one color, wherever it is."),
    ("Corners, curves and spots", "Combinations of edges: an eye, a highlight, the rim of a badge."),
    ("Parts", "A face, a collar, a flag, the model of a space shuttle."),
    ("Objects", "Few places answer, and each looks at a good part of the image to decide."),
    ("The whole image", "Each unit could see all of it. Of *where*, 7 x 7 cells are left; the channels say *what*."),
)


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    sections = "\n\n".join(
        _section(*caption, layer, number)
        for number, (caption, layer) in enumerate(zip(CAPTIONS, measured["layers"]), 1)
    )
    interval = 196 * (0.85 * 0.15 / measured["images"]) ** 0.5
    return f"""
A layer's channels are detectors, and each layer combines those of the layer before. So the first can only know edges
and colors, and the last can know objects (Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks*,
[ECCV 2014](https://arxiv.org/abs/1311.2901)). Here are five depths of EfficientNet-Lite0 with its ImageNet weights,
looking at scikit-image's photograph of Eileen Collins.

Above: six channels, bright where they answer; those were chosen whose largest answer stands out most. Below: the
patch of the photograph at the strongest place, as large as what the unit sees (its middle {
        MOST
    } pixels at depth 4); at depth 5, the
channel laid over the photograph.

{sections}

## Measured

{_table(measured)}

- *Silent*: share of the units that are zero. Deeper channels are more particular.
- *Animal or thing*: {measured["images"]} ImageNet images, {measured["animals"]} of animals. A linear classifier on the
  mean of each channel tells animals from things (5-fold cross-validation, ± {interval:.0f} points). What is hard to say
  from edges is easy in the last two depths, which differ by less than the interval. That is why
  [transfer learning](transfer_learning.md) keeps the backbone and trains a new head.

{
        command(
            "edgecnn build efficientnet_lite0 --weights imagenet -o lite0.keras",
            "edgecnn visualize lite0.keras cat.jpg -o cat.html --only filters,features,gradcam",
            "edgecnn visualize lite0.keras cat.jpg -o likes.html --only patches --data photos",
        )
    }
"""


def _section(title: str, text: str, layer: dict[str, Any], number: int) -> str:
    size = " x ".join(map(str, layer["map"]))
    return f"""## {number}. {title}

`{layer["layer"]}`, {size}; a unit sees {layer["sees"]} pixels.
{text}

{figure(layer["file"], f"Six channels of {layer['layer']} and where they answer most")}"""


def _table(measured: dict[str, Any]) -> str:
    rows = [
        [
            f"`{layer['layer']}`",
            str(layer["sees"]),
            f"{layer['silent_percent']:.0f} %",
            f"{layer['animal_percent']:.1f} %",
        ]
        for layer in measured["layers"]
    ]
    return table(["layer", "sees, pixels", "silent", "animal or thing"], rows)
