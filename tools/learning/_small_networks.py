"""A small CNN and a small ViT on CIFAR-10: few and many images, and images in another order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._markdown import table

COUNTS, STEPS, TESTED, PATCH = (500, 2000, 10000), 500, 2000, 4


def small_cnn() -> Any:
    """Four convolutions with batch norm and the mean: 32 x 32 x 3 to 10 logits."""
    from edgecnn.core.compat.tensorflow import keras

    keras.utils.set_random_seed(0)
    image = x = keras.Input((32, 32, 3))
    for channels, stride in ((24, 2), (48, 1), (48, 2), (96, 1)):
        x = keras.layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))


def small_vit(width: int = 48, depth: int = 4, heads: int = 4) -> Any:
    """Patches of 4 x 4, learned positions, attention and the mean: 32 x 32 x 3 to 10 logits."""
    from edgecnn.core.compat.tensorflow import keras, tf

    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((32, 32, 3))
    x = layers.Reshape((-1, width))(layers.Conv2D(width, PATCH, strides=PATCH)(image))
    tokens = x.shape[1]
    numbers = layers.Lambda(lambda _: tf.range(tokens)[None])(x)
    x = x + layers.Embedding(tokens, width)(numbers)
    for _ in range(depth):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(heads, width // heads)(y, y)
        y = layers.Dense(2 * width, activation="gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(width)(y)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(image, layers.Dense(10)(x))


def patches_shuffled(images: np.ndarray, patch: int = PATCH) -> np.ndarray:
    """All images with their patches in one other order; `patch` = 1 shuffles pixels."""
    count, side = len(images), images.shape[1] // patch
    tiles = (
        images.reshape(count, side, patch, side, patch, -1).swapaxes(2, 3).reshape(count, side * side, patch, patch, -1)
    )
    tiles = tiles[:, np.random.default_rng(0).permutation(side * side)].reshape(count, side, side, patch, patch, -1)
    return tiles.swapaxes(2, 3).reshape(images.shape)


def trained() -> dict[str, Any]:
    """Both networks on few and many images, and on shuffled ones."""
    from ._training import accuracy_percent, cifar, train

    images, labels = cifar("train", max(COUNTS))
    tested, truth = cifar("test", TESTED)
    found: dict[str, Any] = {}
    for name, build in (("cnn", small_cnn), ("vit", small_vit)):
        own: dict[str, Any] = {"parameters": build().count_params(), "accuracy_percent": {}, "shuffled_percent": {}}
        for count in COUNTS:
            model = build()
            train(model, images[:count], labels[:count], STEPS)
            own["accuracy_percent"][str(count)] = round(accuracy_percent(model, tested, truth), 1)
        for patch in (PATCH, 1):
            model = build()
            train(model, patches_shuffled(images[: COUNTS[-1]], patch), labels[: COUNTS[-1]], STEPS)
            score = accuracy_percent(model, patches_shuffled(tested, patch), truth)
            own["shuffled_percent"][str(patch)] = round(score, 1)
        found[name] = own
        print(name, own, flush=True)
    return found


def shuffled(hunger: dict[str, Any]) -> str:
    rows = []
    for name, title in (("cnn", "CNN"), ("vit", "ViT")):
        own = hunger[name]
        cells = [
            own["accuracy_percent"][str(COUNTS[-1])],
            *(own["shuffled_percent"][str(patch)] for patch in (PATCH, 1)),
        ]
        rows.append([title, *(f"{cell:.1f} %" for cell in cells)])
    return table(["network", "as they are", "4x4 patches shuffled", "pixels shuffled"], rows)


def verdict_on_shuffling(hunger: dict[str, Any]) -> str:
    change = {
        name: own["shuffled_percent"][str(PATCH)] - own["accuracy_percent"][str(COUNTS[-1])]
        for name, own in hunger.items()
    }
    interval = 196 * (0.5 * 0.5 / TESTED) ** 0.5
    return f"""Shuffled patches change the CNN's accuracy by {change["cnn"]:+.1f} points and the ViT's by
{change["vit"]:+.1f} ({TESTED:,} test images leave at most ± {interval:.1f} on each accuracy)."""


def few_and_many(hunger: dict[str, Any]) -> str:
    rows = [
        [title, *(f"{hunger[name]['accuracy_percent'][str(count)]:.1f} %" for count in COUNTS)]
        for name, title in (("cnn", "CNN"), ("vit", "ViT"))
    ]
    return table(["network", *(f"{count:,} images" for count in COUNTS)], rows)


def verdict_on_hunger(hunger: dict[str, Any]) -> str:
    few, many = str(COUNTS[1]), str(COUNTS[-1])
    cnn, vit = (hunger[name]["accuracy_percent"] for name in ("cnn", "vit"))
    return f"""With {COUNTS[1]:,} images the CNN is {cnn[few] - vit[few]:.1f} points ahead, with {COUNTS[-1]:,}
{cnn[many] - vit[many]:.1f}. (All runs are short, so neither network is at its best with many images: what counts is
who needs more of them.)"""
