"""Attacks of Keras and HDF5 files by name, with what the refusal must name; `hostile_models` has how they are made."""

from __future__ import annotations

from typing import Any

import hostile_models as hostile
from hostile_models import Attack, operation

TOUCHED, VICTIM, TREE = "FOLDER/touched", "FOLDER/victim", "FOLDER/tree"
_OPS = "tf_keras.src.layers.core.tf_op_layer"
_LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "registered_name": None, "config": {"name": "code"}}


def _object(module: Any, kind: str, config: Any, **more: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "registered_name": None, "config": config, **more}


def _function(module: Any, name: str) -> dict[str, Any]:
    return _object(module, "function", name, registered_name=name)


def _slicing(function: str, first: Any, **keywords: Any) -> tuple[Attack, str]:
    return operation("SlicingOpLambda", function, first, **keywords), rf"layer 'hostile' .* '{function}'"


def _calling(function: str, first: Any, **keywords: Any) -> tuple[Attack, str]:
    return operation("TFOpLambda", function, first, **keywords), rf"layer 'hostile' .* '{function}'"


KERAS_2: dict[str, tuple[Attack, str]] = {
    "slicing writes": _slicing("io.write_file", TOUCHED, contents="x"),
    "slicing deletes": _slicing("io.gfile.remove", VICTIM),
    "slicing deletes a folder": _slicing("io.gfile.rmtree", TREE),
    "slicing copies": _slicing("io.gfile.copy", VICTIM, dst=TOUCHED),
    "slicing renames": _slicing("io.gfile.rename", VICTIM, dst=TOUCHED),
    "slicing makes folders": _slicing("io.gfile.makedirs", TOUCHED),
    "slicing prints to a file": _slicing("print", "x", output_stream=f"file://{TOUCHED}"),
    "slicing logs": _slicing("summary.create_file_writer", TOUCHED),
    "slicing dumps": _slicing("debugging.experimental.enable_dump_debug_info", TOUCHED),
    "slicing reads": _slicing("io.read_file", VICTIM),
    "slicing lists": _slicing("io.gfile.glob", "/*"),
    "slicing loads a library": _slicing("load_library", VICTIM),
    "slicing calls what only computes, on a list that isn't its": _slicing("math.add", 1, y=2),
    "operation writes": _calling("io.write_file", TOUCHED, contents="x"),
    "raw operation writes": _calling("raw_ops.WriteFile", None, filename=TOUCHED, contents="x"),
    "operation calls Python": _calling("py_function", "os.system", inp=[], Tout="float32"),
    "operation reads a vocabulary": _calling("nn.fixed_unigram_candidate_sampler", [[1]], vocab_file=VICTIM),
    "operation loads a model": _calling("saved_model.load", TREE),
    "operation named like a harmless one": _calling("math.", TOUCHED),
    "operation with a path as a constant": (operation("TFOpLambda", "math.add", TOUCHED, y="x"), "the text '/"),
    "slice with a path as an index": (
        operation("SlicingOpLambda", "__operators__.getitem", [1], slice_spec=VICTIM),
        "layer 'hostile' .* the text '/",
    ),
    "method of a class": (
        hostile.layer_2(
            _object(_OPS, "ClassMethod", {"cls_symbol": "data.Dataset", "method_name": "load"}, registered_name=None)
        ),
        "layer 'hostile' .*'load'",
    ),
    "method of a tensor": (
        hostile.layer_2(_object(_OPS, "InstanceMethod", {"attr_name": "__reduce__"})),
        "layer 'hostile' .*'__reduce__'",
    ),
    "attribute of a tensor": (
        hostile.layer_2(_object(_OPS, "InstanceProperty", {"attr_name": "graph"})),
        "layer 'hostile' .*'graph'",
    ),
    "node of a graph": (
        hostile.layer_2(
            _object(_OPS, "TensorFlowOpLayer", {"node_def": 'op: "WriteFile"', "constants": {"0": TOUCHED}})
        ),
        "layer 'hostile' .*WriteFile",
    ),
    "class within a module of Keras": (
        hostile.part("kernel_regularizer", _object("tf_keras.src.utils.io_utils", "os.popen", {"cmd": "true"})),
        r"layer 'conv' .*os\.popen",
    ),
    "function of Keras's utilities": (
        hostile.part("activation", _function("tf_keras.utils", "get_file")),
        "layer 'conv' .*function object",
    ),
    "function of Python": (hostile.part("activation", _function("os", "system")), "layer 'conv' .*function object"),
    "built-in function": (
        hostile.part("activation", _function("builtins", "eval")),
        "layer 'conv' .*function object",
    ),
    "function by its name": (hostile.part("activation", "deserialize"), "layer 'conv' .*'deserialize'"),
    "initializer by its name": (hostile.part("kernel_initializer", "get_file"), "layer 'conv' .*'get_file'"),
    "module that runs when imported": (
        hostile.part("bias_initializer", _object("antigravity", "__tensor", {})),
        r"layer 'conv' .*antigravity",
    ),
    "module behind a constant": (
        hostile.part("bias_initializer", _object("antigravity", "__slice__", {})),
        r"layer 'conv' .*antigravity",
    ),
    "module of edgecnn": (
        hostile.part("bias_initializer", _object("edgecnn.core.files", "replacing", {})),
        r"layer 'conv' .*edgecnn\.core\.files\.replacing",
    ),
    "registered under another name": (
        hostile.part("bias_initializer", _object("keras.initializers", "Zeros", {}, registered_name="edgecnn>Rule")),
        "layer 'conv' .*edgecnn>Rule",
    ),
    "vocabulary of texts": (
        hostile.layer_2(_object("keras.layers", "StringLookup", {"vocabulary": VICTIM})),
        r"layer 'hostile' .*keras\.layers\.StringLookup",
    ),
    "vocabulary of numbers": (
        hostile.layer_2(_object("keras.layers", "IntegerLookup", {"vocabulary": VICTIM})),
        r"layer 'hostile' .*IntegerLookup",
    ),
    "vocabulary of words": (
        hostile.layer_2(_object("keras.layers", "TextVectorization", {"vocabulary": VICTIM})),
        r"layer 'hostile' .*TextVectorization",
    ),
    "code": (hostile.layer_2(_LAMBDA), "layer '(hostile|code)' .*Lambda"),
    "code in a wrapper": (
        hostile.layer_2(_object("keras.layers", "TimeDistributed", {"layer": _LAMBDA})),
        "layer 'code' .*Lambda",
    ),
    "code in a model in a model": (
        hostile.layer_2(
            _object("keras", "Sequential", {"layers": [_object("keras", "Sequential", {"layers": [_LAMBDA]})]})
        ),
        "layer 'code' .*Lambda",
    ),
    "code of old, without a module": (
        hostile.layer_2({"class_name": "Lambda", "config": {"function": ["4wA=", None, None]}}),
        "layer 'hostile' .*Lambda",
    ),
    "function of old": (
        hostile.part("activation", {"class_name": "__lambda__", "config": {"value": "4wA="}}),
        "layer 'conv' .*__lambda__",
    ),
    "type of tensors": (
        hostile.part("bias_initializer", _object("os", "__typespec__", [], spec_name="system")),
        r"layer 'conv' .*__typespec__",
    ),
    "bytes": (hostile.part("bias_initializer", _object(None, "__bytes__", {"value": "x"})), "layer 'conv' .*__bytes__"),
    "another thing than a model": (
        lambda folder: hostile.with_config(
            hostile.keras_2(folder), lambda config: config.update(_object("keras.layers", "Dense", {"units": 1}))
        ),
        "class 'Dense', which is not a model",
    ),
}


def _is_touched(members: dict[str, bytes]) -> None:
    members["../touched"] = b"x"


KERAS_3: dict[str, tuple[Attack, str]] = {
    "code": (hostile.layer_3(_LAMBDA), "layer '(hostile|code)' .*Lambda"),
    "SavedModel": (
        hostile.layer_3(_object("keras.layers", "TFSMLayer", {"filepath": TREE})),
        r"layer 'hostile' .*keras\.layers\.TFSMLayer",
    ),
    "PyTorch module": (
        hostile.layer_3(_object("keras.layers", "TorchModuleWrapper", {"module": "gASVAA=="})),
        r"layer 'hostile' .*TorchModuleWrapper",
    ),
    "JAX": (hostile.layer_3(_object("keras.layers", "JaxLayer", {"call_fn": "x"})), "layer 'hostile' .*JaxLayer"),
    "vocabulary": (
        hostile.layer_3(_object("keras.layers", "StringLookup", {"vocabulary": VICTIM})),
        "layer 'hostile' .*StringLookup",
    ),
    "loop over a function": (
        hostile.layer_3(_object("keras.src.ops.core", "Map", {"f": _function("os", "system")})),
        r"layer 'hostile' .*keras\.src\.ops\.core\.Map",
    ),
    "loader": (
        hostile.part("activation", _function("keras.saving", "load_model"), hostile.keras_3),
        "layer 'conv' .*function object",
    ),
    "download": (
        hostile.part("activation", _function("keras.utils", "get_file"), hostile.keras_3),
        "layer 'conv' .*function object",
    ),
    "class within a module of Keras": (
        hostile.part("bias_initializer", _object("keras.src.saving.saving_lib", "os.remove", VICTIM), hostile.keras_3),
        r"layer 'conv' .*os\.remove",
    ),
    "optimizer of a part": (
        hostile.layer_3(
            {**_object("keras.layers", "Flatten", {}), "compile_config": {"loss": _function("os", "abort")}}
        ),
        "layer 'hostile' .*function object",
    ),
    "text for an operation": (
        hostile.layer_3(
            {
                **_object("keras.src.ops.numpy", "Add", {}),
                "inbound_nodes": [{"args": [VICTIM, 1], "kwargs": {}}],
            }
        ),
        "layer 'hostile' .*the text '/",
    ),
    "pickled weights": (
        hostile.members(
            lambda members: members.update({"model.weights.npz": members.pop("model.weights.h5")}), hostile.keras_3
        ),
        r"model\.weights\.npz",
    ),
    "a way out of the archive": (hostile.members(_is_touched, hostile.keras_3), r"\.\./touched"),
    "files beside the model": (
        hostile.members(lambda members: members.update({"assets/vocabulary.txt": b"x"}), hostile.keras_3),
        r"assets/vocabulary\.txt",
    ),
    "weights that link to a file": (
        hostile.keras_arrays(hostile.external_link, hostile.keras_3),
        "'/hostile' .*ExternalLink",
    ),
    "weights of another file": (hostile.keras_arrays(hostile.external_storage, hostile.keras_3), "'/hostile' .*victim"),
}

_ALSO_IN_H5 = (
    *("slicing writes", "slicing deletes", "operation with a path as a constant", "function of Python"),
    *("class within a module of Keras", "code of old, without a module", "vocabulary of texts"),
)
HDF5: dict[str, tuple[Attack, str]] = {
    **{f"{name}, in an .h5 file": (hostile.in_h5(KERAS_2[name][0]), KERAS_2[name][1]) for name in _ALSO_IN_H5},
    "external link": (hostile.h5_arrays(hostile.external_link), "'/hostile' .*ExternalLink"),
    "soft link": (hostile.h5_arrays(hostile.soft_link), "'/hostile' .*SoftLink"),
    "external storage": (hostile.h5_arrays(hostile.external_storage), "'/hostile' .*victim"),
    "virtual dataset": (hostile.h5_arrays(hostile.virtual_dataset), "'/hostile' .*victim"),
    "variable length": (hostile.h5_arrays(hostile.variable_length), "'/hostile' .*type object"),
    "references": (hostile.h5_arrays(hostile.references), "'/hostile' .*type object"),
    "claimed size": (hostile.h5_arrays(hostile.claimed_size), "'/hostile' .*arrays of .* bytes up to here"),
    "filter of a library": (hostile.h5_arrays(hostile.unknown_filter), "'/hostile' .*HDF5 filter 40000"),
    "loop of groups": (hostile.h5_arrays(hostile.loop_of_groups), "a group that contains itself"),
    "external storage in .keras": (hostile.keras_arrays(hostile.external_storage), "'/hostile' .*victim"),
    "virtual dataset in .keras": (hostile.keras_arrays(hostile.virtual_dataset), "'/hostile' .*victim"),
}
