"""What a `.tflite` file by others looks like, from the shapes of what goes in and comes out."""

from __future__ import annotations

from collections.abc import Sequence

from .graph import Graph, Tensor

COMMANDS = "These commands accept it: `edgecnn inspect` (also with --target), `profile` and `compile`"
_DETECTION = "TFLite_Detection_PostProcess"
_READ_DETECTORS = (
    f"the four outputs of {_DETECTION}, or boxes and scores with their anchors in the "
    "metadata; export it as one of these"
)
_TOKENS = ("INT32", "INT64")


def refusal(graph: Graph, name: str, *, is_detector: bool = False) -> str:
    """Why a graph can't be used as an image classifier, and which commands take it; empty if it can.

    Of what is a detector, only the input is looked at; of what looks like one, it is said which detectors are read.
    """
    reason = _input(graph) or ("" if is_detector else _output(graph))
    if "object detection" in reason:
        reason += f". Detectors that edgecnn reads have {_READ_DETECTORS}"
    return f"{name} is not an image classifier: it {reason}. {COMMANDS}." if reason else ""


def _input(graph: Graph) -> str:
    tensors = [graph.tensors[number] for number in graph.inputs]
    shapes = ", ".join(map(shown, tensors))
    if len(tensors) != 1:
        return f"has {len(tensors)} inputs ({shapes}); expected one image" if tensors else "has no input"
    tensor = tensors[0]
    rank = len(tensor.shape)
    if is_image(tensor):
        return ""
    looks = {0: "a single number", 1: "a vector, e.g. of audio samples", 2: "a vector of features or audio samples"}
    looks[3] = "a sequence of audio or sensor data, or a gray image without a channel axis"
    likeness = looks.get(rank, "something other than one image")
    if tensor.dtype == "STRING":
        likeness = "text"
    elif tensor.dtype in _TOKENS and rank < 3:
        likeness = "text as token numbers"
    return (
        f"has an input of shape {shown(tensor)}, which looks like {likeness}; expected one image of shape [1, "
        "height, width, 1 or 3]"
    )


def doubt(tensor: Tensor, name: str) -> str:
    """Why an input may be no image though it has the shape of one; empty if that is unlikely."""
    if tensor.shape[3] != 1 or tensor.shape[1] == tensor.shape[2]:
        return ""
    return (
        f"{name} has an input of shape {shown(tensor)}: either a gray image or a spectrogram (audio). If it is an "
        f"image, add --color gray. If not: {COMMANDS}."
    )


def is_image(tensor: Tensor) -> bool:
    """Whether a tensor has the shape and a type of one gray or color image."""
    shape = tensor.shape
    numbers = tensor.dtype in ("FLOAT32", "FLOAT16", "UINT8", "INT8", "INT16", "INT32")
    return numbers and len(shape) == 4 and shape[0] in (0, 1) and shape[3] in (1, 3)


def _output(graph: Graph) -> str:
    tensors = [graph.tensors[number] for number in graph.outputs]
    shapes = ", ".join(map(shown, tensors))
    names = {operator.name for operator in graph.operators}
    if _DETECTION in names:
        return f"outputs boxes with classes and scores ({shapes}), which is object detection"
    if any("pose" in name.lower() for name in names - {"TRANSPOSE", "TRANSPOSE_CONV"}):
        return f"outputs {shapes}, which is pose estimation"
    if len(tensors) != 1:
        return f"has {len(tensors)} outputs ({shapes}), which look like {_several(tensors)}"
    likeness = _likeness(graph, tensors[0])
    return f"has an output of shape {shapes}, which looks like {likeness}" if likeness else ""


def _several(tensors: Sequence[Tensor]) -> str:
    if any(len(tensor.shape) >= 3 and tensor.shape[-1] == 4 for tensor in tensors):
        return "object detection (boxes and scores)"
    if all(_is_map(tensor.shape) for tensor in tensors):
        return "pose estimation or object detection (maps of scores and offsets)"
    return "several tasks in one model"


def _likeness(graph: Graph, output: Tensor) -> str:
    """What a single output looks like; empty for classes."""
    shape, given = _inner(output.shape), graph.tensors[graph.inputs[0]].shape
    if -1 in output.signature[1:]:
        is_map = len(output.shape) == 4
        return (
            "an image or a map of the image's size (image-to-image, segmentation)"
            if is_map
            else "a vector without a fixed length"
        )
    if not output.shape or (len(shape) <= 1 and output.dtype not in ("STRING", "BOOL", "INT32", "INT64")):
        return _vector(graph, output)
    if len(shape) <= 1:
        return "a class number instead of scores" if output.elements == 1 else "numbers instead of scores"
    if _is_map(output.shape):
        return _map(output.shape, given)
    if len(shape) == 2 and shape[-1] in (2, 3) and shape[0] > 4:
        return "pose estimation or landmarks (coordinates of each point)"
    if len(shape) == 2 and shape[0] == given[1] and shape[1] == given[2]:
        return "semantic segmentation or depth (one value per pixel)"
    if len(shape) == 2:
        return "object detection (one box with scores per anchor)"
    return "something other than one score per class"


def _vector(graph: Graph, output: Tensor) -> str:
    """One vector: classes, unless the last operator says otherwise."""
    last = next((each.name for each in graph.operators if output.index in each.outputs), "")
    return "an embedding (a vector of length 1)" if last == "L2_NORMALIZATION" else ""


def _inner(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the axes in front that have one position."""
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape


def _is_map(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[1] > 1 and shape[2] > 1


def _map(shape: tuple[int, ...], given: tuple[int, ...]) -> str:
    positions, channels = f"{shape[1]} x {shape[2]} positions", shape[3]
    scale = min(shape[1] / max(given[1], 1), shape[2] / max(given[2], 1))
    if scale >= 1 and channels == given[3]:
        return f"image-to-image: an image of {shape[2]} x {shape[1]} pixels"
    if scale >= 1:
        return f"semantic segmentation{' or depth' if channels == 1 else ''}: scores at each of {positions}"
    return f"segmentation, pose estimation or object detection: a map of {positions} with {channels} values at each"


def shown(tensor: Tensor) -> str:
    """A tensor's shape for people: -1 for what is open, the type where it is no usual one."""
    sizes = [
        -1 if free == -1 or not size else size for size, free in zip(tensor.shape, tensor.signature or tensor.shape)
    ]
    text = str(sizes) if sizes or tensor.is_constant else "unknown"
    return f"{text} {tensor.dtype}" if tensor.dtype == "STRING" else text
