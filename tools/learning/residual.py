"""Residual connections: what they do to the gradient and to training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgecnn.html import charts

from ._markdown import command, figure, standalone, table

TITLE = "Residual connections"
SUMMARY = "a shortcut around every two layers, and the gradient arrives"
LAYERS, CHANNELS, STEPS, IMAGES, WINDOW = 20, 16, 150, 8000, 10
KINDS = ("plain", "residual", "plain, BN", "residual, BN")  # BN: batch norm

# He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, table 2: top-1 error in percent, ImageNet
# validation, 10 crops.
PUBLISHED = {"18 layers": (27.94, 27.88), "34 layers": (28.54, 25.03)}


def network(kind: str, layers: int = LAYERS, channels: int = CHANNELS) -> Any:
    """A stem, `layers` 3x3 convolutions on one map size and a classifier, 28 x 28 x 1 to 10 logits.

    Args:
        kind: one of `KINDS`; all have the same random kernels.
        layers: even; a residual connection spans two.
        channels: of every layer.
    """
    from edgecnn.core.compat.tensorflow import keras

    keras.utils.set_random_seed(0)
    normalized, residual = kind.endswith("BN"), kind.startswith("residual")
    image = keras.Input((28, 28, 1))
    x = shortcut = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu", name="stem")(image)
    for index in range(layers):
        x = keras.layers.Conv2D(channels, 3, padding="same", use_bias=not normalized, name=f"conv{index}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{index}")(x) if normalized else x
        if residual and index % 2:
            x = keras.layers.Add(name=f"add{index}")([x, shortcut])
        x = keras.layers.ReLU(name=f"out{index}")(x)
        shortcut = x if index % 2 else shortcut
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(10)(x))


def gradients(model: Any, images: np.ndarray, labels: np.ndarray, layers: int = LAYERS) -> list[float]:
    """Norm of the loss's gradient with respect to each layer's output, first layer first."""
    from edgecnn.core.compat.tensorflow import keras, tf

    from ._training import cross_entropy

    outputs = [model.get_layer(f"out{index}").output for index in range(layers)]
    part, batch = keras.Model(model.inputs, [*outputs, model.output]), tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        *maps, logits = part(batch, training=True)
        loss = cross_entropy(labels, logits)
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, maps)]


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Gradients before the first step, and the training loss, of four networks."""
    from ._training import fashion, train

    images, labels = fashion("train", IMAGES)
    found: dict[str, Any] = {"gradients": {}, "losses": {}}
    for kind in KINDS:
        model = network(kind)
        found["gradients"][kind] = [float(f"{size:.3g}") for size in gradients(model, images[:256], labels[:256])]
        losses = np.array(train(model, images, labels, STEPS)).reshape(-1, WINDOW).mean(axis=1)
        found["losses"][kind] = [round(float(loss), 3) for loss in losses]
        print(kind, found["gradients"][kind][0], found["losses"][kind][-1], flush=True)
    yield found


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    sizes, losses = measured["gradients"], measured["losses"]
    rows = [
        [kind, *(f"{sizes[kind][index]:.1e}" for index in (0, 9, 19)), f"{sizes[kind][0] / sizes[kind][19]:.2g}"]
        for kind in KINDS
    ]
    published = [[name, *(f"{error:.2f} %" for error in pair)] for name, pair in PUBLISHED.items()]
    ends = [[kind, *(f"{losses[kind][at // WINDOW - 1]:.2f}" for at in (10, 50, 100, STEPS))] for kind in KINDS]
    return f"""
A layer of a plain network replaces what it gets. A **residual** block adds to it: y = F(x) + x. What the block learns
is the difference, the *residual*; if nothing is to be changed, F only has to become zero (He et al.,
[CVPR 2016](https://arxiv.org/abs/1512.03385)).

## What it does to the gradient

Going back through a plain layer, the gradient is multiplied by the layer's derivative. Twenty layers are twenty
factors: if each is a half, a millionth is left. Through a residual block it is multiplied by F'(x) **+ 1**: one path
leads straight to the first layer, whatever F does.

Measured: {LAYERS} convolutions of 3x3x{CHANNELS} after a stem, Fashion-MNIST, Keras's default initialization, the same
random kernels in all four networks, before the first training step. The size (L2 norm) of the loss's gradient with
respect to each layer's output:

{
        figure(
            "residual_gradient.svg",
            "Size of the gradient on its way back through the layers, logarithmic, with and without shortcuts",
        )
    }

{table(["network", "at layer 1", "at layer 10", "at layer 20", "layer 1 : layer 20"], rows)}

{_verdict_on_gradients(sizes)}

## What it does to training

The same networks, {STEPS} steps of Adam (1e-3, batches of 64 from {IMAGES:,} images); mean loss of the {WINDOW} steps
before:

{table(["network", "step 10", "step 50", "step 100", f"step {STEPS}"], ends)}

{figure("residual_loss.svg", "Training loss over steps")}

{_verdict_on_training(losses)}

## Why depth needs it

At 18 layers the shortcut changes little, at 34 it decides: the deeper *plain* network is worse than the shallower one,
also on the training images. That is the **degradation** that residual connections cured. Published top-1 errors on
ImageNet (the paper's table 2, 10 crops):

{table(["depth", "plain", "residual"], published)}

A shortcut costs no parameters and one addition per value; it does cost memory, because the block's input must be kept
until the end. In int8, the two inputs of the addition have scales of their own: both are rescaled, and the sum is
rounded once more.

{
        command(
            "edgecnn inspect resnet18 resnet50",
            "edgecnn build resnet18 -o resnet.keras",
            "edgecnn visualize resnet.keras cat.jpg -o maps.html --only features",
        )
    }
"""


def _verdict_on_gradients(sizes: dict[str, list[float]]) -> str:
    """What the figures say, computed, so that the text can't contradict them."""
    grown = {kind: each[0] / each[-1] for kind, each in sizes.items()}
    return f"""Without batch norm, {1 / grown["plain"]:,.0f} times less gradient arrives at the first layer of the plain
network than at the last; with shortcuts, {grown["residual"]:.1f} times more. **Batch norm** (BN) cures the vanishing as
well, by rescaling every layer's output, and overdoes it: towards the first layer the gradient grows
{grown["plain, BN"]:.0f} times, {grown["residual, BN"]:.0f} times with shortcuts. So where there is batch norm, the case
for shortcuts is not the vanishing gradient (the paper's section 4.1 says so too) but what follows."""


def _verdict_on_training(losses: dict[str, list[float]]) -> str:
    last = {kind: each[-1] for kind, each in losses.items()}
    step = WINDOW * (1 + next(i for i, loss in enumerate(losses["residual, BN"]) if loss <= last["plain, BN"]))
    return f"""(2.30 is guessing: ln 10.) Shortcuts without batch norm end at {last["residual"]:.2f}, batch norm without
shortcuts at {last["plain, BN"]:.2f}, neither at {last["plain"]:.2f}. With both, step {step} is where batch norm alone
is at step {STEPS}."""


def drawings(measured: dict[str, Any]) -> dict[str, str]:
    """Gradient from the last layer back to the first, loss over steps."""
    if not measured:
        return {}
    back = [float(index) for index in range(LAYERS)]
    sizes = [(kind, np.log10(measured["gradients"][kind][::-1]).tolist()) for kind in KINDS]
    steps = [float(step) for step in range(WINDOW, STEPS + 1, WINDOW)]
    losses = [(kind, measured["losses"][kind]) for kind in KINDS]
    gradient = charts.lines(back, sizes, "layers back from layer 20 to layer 1", "log10 of the gradient's size")
    return {
        "residual_gradient.svg": standalone(gradient),
        "residual_loss.svg": standalone(charts.lines(steps, losses, "step", "training loss")),
    }
