"""Annotations of boxes: COCO, Pascal VOC, YOLO and tables, beside sound images."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from json_mutants import mutants

from fuzzing import models, mutate
from fuzzing.case import Case

_COCO = {
    "images": [{"id": n, "file_name": f"{n}.png", "width": 32, "height": 32} for n in (1, 2)],
    "annotations": [{"image_id": n, "category_id": 7, "bbox": [1, 2, 20, 9], "iscrowd": 0} for n in (1, 2)],
    "categories": [{"id": 7, "name": "ant", "supercategory": "none"}],
}
_VOC = (
    "<annotation><filename>1.png</filename><size><width>32</width><height>32</height></size><object><name>ant</name>"
    "<difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>9</ymax></bndbox></object>"
    "</annotation>"
)
_YAML = "path: .\ntrain: images\nval: images\nnc: 1\nnames: ['ant']\n"
_TEXT = "0 0.5 0.5 0.2 0.1\n0 0.1 0.1 0.4 0.1 0.3 0.6\n"
_TABLE = "path,width,height,label,xmin,ymin,xmax,ymax\n1.png,32,32,ant,1,2,20,9\n2.png,,,,,,,\n"
_WORDS = ("ant", "1.png", "32", "20", "0.5", ",", "\n", "<", ">", "images", "xmin", "'", ":", "0")
_VALUES = ("-1", "nan", "inf", "1e999", "9" * 400, "../../x", "/dev/zero", "²", "&a;", "[", "{")


class Fuzz:
    """See `Target`."""

    HOST = False

    def __init__(self, corpus: Sequence[Path]) -> None:
        self.kinds = (_coco, _voc, _yolo, _table)

    def case(self, draw: random.Random) -> Case:
        """A data set of two images whose annotations are damaged."""
        files, data = draw.choice(self.kinds)(draw)
        return Case(["data", data], files)


def _damaged(text: str, draw: random.Random) -> bytes:
    for _ in range(draw.choice((0, 1, 2))):
        text = text.replace(draw.choice(_WORDS), draw.choice((*mutate.HOSTILE, *_VALUES)), draw.choice((1, 2, -1)))
    data = text.encode(errors="surrogatepass")
    return mutate.octets(data, draw) if draw.random() < 0.3 else data


def _image(draw: random.Random) -> bytes:
    return mutate.octets(models.picture(), draw, edge=60) if draw.random() < 0.1 else models.picture()


def _coco(draw: random.Random) -> tuple[dict[str, bytes | str], str]:
    if draw.random() < 0.5:
        content = next(mutants(_COCO, 1, str(draw.random()))).encode(errors="surrogatepass")
    else:
        content = _damaged(json.dumps(_COCO), draw)
    return {"set/1.png": _image(draw), "set/2.png": models.picture(33), "set/a.json": content}, "set"


def _voc(draw: random.Random) -> tuple[dict[str, bytes | str], str]:
    lists = {"set/ImageSets/Main/train.txt": _damaged("1\n2\n", draw)} if draw.random() < 0.3 else {}
    images = {"set/1.png": _image(draw), "set/2.png": models.picture(33)}
    return {
        **images,
        "set/1.xml": _damaged(_VOC, draw),
        "set/2.xml": _VOC.replace("1.png", "2.png").encode(),
        **lists,
    }, "set"


def _yolo(draw: random.Random) -> tuple[dict[str, bytes | str], str]:
    images = {"set/images/1.png": _image(draw), "set/images/2.png": models.picture(33)}
    yaml = {"set/data.yaml": _damaged(_YAML + draw.choice(("", "kpt_shape: [1, 2]\n")), draw)}
    texts = {"set/labels/1.txt": _damaged(_TEXT, draw), "set/labels/2.txt": _TEXT.encode()}
    return {**images, **texts, **(yaml if draw.random() < 0.7 else {})}, draw.choice(("set", "set/data.yaml"))


def _table(draw: random.Random) -> tuple[dict[str, bytes | str], str]:
    return {"1.png": _image(draw), "2.png": models.picture(33), "t.csv": _damaged(_TABLE, draw)}, "t.csv"
