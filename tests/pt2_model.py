"""A small exported PyTorch program, for a Python with `torch`: `python pt2_model.py MODEL.pt2 PHOTOS.npz`.

Random convolutions, and a head fitted to tell photographs apart, as in `onnx_models`; open batch.
"""

from __future__ import annotations

import sys

import numpy as np
from ridge import fitted

CLASSES = 11


def write(path: str, photos: str) -> None:
    import torch
    from torch import nn

    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU6()]
    for depth, filters in ((16, 32), (32, 64)):
        layers += [
            nn.Conv2d(depth, depth, 3, 2, 1, groups=depth),
            nn.ReLU(),
            nn.Conv2d(depth, filters, 1),
            nn.Hardswish(),
        ]
    body, head = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(64, CLASSES)
    for layer in body.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    given = np.load(photos)
    images = torch.from_numpy((given["images"].transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 127.5)
    with torch.no_grad():
        weights, bias = fitted(body.eval()(images).numpy(), given["labels"], CLASSES)
        head.weight.copy_(torch.from_numpy(weights))
        head.bias.copy_(torch.from_numpy(bias))
    program = torch.export.export(
        nn.Sequential(body, head).eval(), (images[:2].clone(),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    torch.export.save(program, path)


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2])
