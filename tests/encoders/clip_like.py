"""Small ONNX encoders as people export them: `python clip_like.py FOLDER` writes them. For a Python with `onnx`.

The image encoder's vector is the mean of its input; the text encoder's is the sum of its tokens' rows of a table.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

MEAN, STD = (122.77, 116.75, 104.09), (68.5, 66.63, 70.32)


def main(folder: Path) -> None:
    """`vision_model.onnx`, `text_model.onnx` and what people get wrong."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def saved(name: str, nodes: list, inputs: list, outputs: list, constants: dict, **how: object) -> None:  # type: ignore[type-arg]
        made = [numpy_helper.from_array(np.asarray(values), key) for key, values in constants.items()]
        graph = helper.make_graph(nodes, "made_by_a_test", inputs, outputs, made)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.save(model, str(folder / name), **how)

    value, floats = helper.make_tensor_value_info, TensorProto.FLOAT
    open_image = value("pixel_values", floats, ["batch", "num_channels", "height", "width"])
    embeds, tokens = (
        value("image_embeds", floats, ["batch", 3]),
        value("last_hidden_state", floats, ["b", "c", "h", "w"]),
    )
    vision = [
        helper.make_node("GlobalAveragePool", ["pixel_values"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["image_embeds"], axis=1),
        helper.make_node("Identity", ["pixel_values"], ["last_hidden_state"]),
    ]
    saved("vision_model.onnx", vision, [open_image], [tokens, embeds], {})
    fixed = value("image", floats, [4, 8, 8, 3])  # NHWC, four images at a time
    mean = [helper.make_node("ReduceMean", ["image"], ["vector"], axes=[1, 2], keepdims=0)]
    saved("fixed.onnx", mean, [fixed], [value("vector", floats, [4, 3])], {})
    table = np.zeros((600, 3), np.float32)
    table[:3] = np.eye(3)  # the first three byte symbols: ! " #
    ids, mask = (value(name, TensorProto.INT64, ["batch", "sequence"]) for name in ("input_ids", "attention_mask"))
    text = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["floats"], to=floats),
        helper.make_node("Unsqueeze", ["floats", "last"], ["column"]),
        helper.make_node("Mul", ["rows", "column"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "one"], ["text_embeds"], keepdims=0),
    ]
    constants = {"table": table, "last": np.array([2]), "one": np.array([1])}
    saved("text_model.onnx", text, [ids, mask], [value("text_embeds", floats, ["batch", 3])], constants)
    big = [helper.make_node("Add", ["image", "more"], ["vector"])]
    weights = {"more": np.ones((4, 8, 8, 3), np.float32)}
    out = [value("vector", floats, [4, 8, 8, 3])]
    apart = {"save_as_external_data": True, "location": "outside.onnx.data", "size_threshold": 0}
    saved("outside.onnx", big, [fixed], out, weights, **apart)
    data = (folder / "outside.onnx").read_bytes()
    (folder / "escaping.onnx").write_bytes(data.replace(b"outside.onnx.data", b"../outside.onnx.d"))
    (folder / "outside.onnx.data").unlink()
    both = [open_image, value("input_ids", TensorProto.INT64, ["b", "s"])]
    saved("both.onnx", vision, both, [embeds], {})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
