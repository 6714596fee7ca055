"""Writes coco_figures.json: what pycocotools says of random detections. To be run where pycocotools is installed.

python tests/tasks/record_coco_figures.py
"""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SIDE = 256  # so that corners are exact as shares in float32
NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def case(seed, images, classes, crowds):
    """Objects, and detections that are moved copies of some of them, and others."""
    random = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(images):
        count = int(random.integers(0, 8))
        low = random.integers(0, 150, (count, 2))
        size = random.integers(8, 106, (count, 2))
        flags = random.random(count) < crowds
        truth = [
            [*map(int, low[i]), *map(int, low[i] + size[i]), int(random.integers(classes)), int(flags[i])]
            for i in range(count)
        ]
        rows = []
        for y0, x0, y1, x1, label, _ in truth:
            for _ in range(int(random.integers(0, 4))):
                moved = np.array([y0, x0, y1, x1]) + random.integers(-12, 13, 4)
                moved[2:] = np.maximum(moved[2:], moved[:2] + 1)
                other = label if random.random() < 0.8 else int(random.integers(classes))
                rows.append([*map(int, moved), other, round(float(random.random()), 2)])
        truths.append(truth)
        found.append(rows)
    return truths, found


def figures(truths, found, classes):
    """pycocotools' twelve."""
    annotations = [
        {"id": 0, "image_id": i, "category_id": label, "bbox": [x0, y0, x1 - x0, y1 - y0],
         "area": (x1 - x0) * (y1 - y0), "iscrowd": flag}
        for i, rows in enumerate(truths) for y0, x0, y1, x1, label, flag in rows
    ]  # fmt: skip
    for number, each in enumerate(annotations, 1):
        each["id"] = number
    results = [
        {"image_id": i, "category_id": label, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": score}
        for i, rows in enumerate(found) for y0, x0, y1, x1, label, score in rows
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {}, "images": [{"id": i} for i in range(len(truths))], "annotations": annotations,
            "categories": [{"id": label} for label in range(classes)],
        }  # fmt: skip
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(NAMES, map(float, evaluation.stats)))


def main():
    """Three sets: plain, with crowds, many classes."""
    cases = []
    for seed, images, classes, crowds in ((0, 12, 2, 0.0), (1, 20, 3, 0.2), (2, 15, 9, 0.1)):
        truths, found = case(seed, images, classes, crowds)
        cases.append(
            {
                "figures": figures(truths, found, classes),
                "truths": [
                    [[v / SIDE for v in r[:4]] + [r[4], r[5], SIDE, SIDE] for r in rows]
                    or [[0, 0, 0, 0, -1, 0, SIDE, SIDE]]
                    for rows in truths
                ],
                "found": [[[v / SIDE for v in r[:4]] + r[4:] for r in rows] for rows in found],
            }
        )
    Path(__file__).with_name("coco_figures.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    main()
