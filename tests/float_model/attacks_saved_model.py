"""Attacks of SavedModel folders by name, with what the refusal must name; `hostile_models` has how they are made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile_models as hostile
from hostile_models import Attack

from edgecnn.core.compat.tensorflow import tf


def _in_folder(reached: Callable[[str], Any]) -> Callable[[Path], Any]:
    return lambda folder: reached(str(folder))


def _table(folder: Path) -> Any:
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename=f"{folder}/victim", key_index=-2, value_index=-1
    )


def _foreign_checkpoint(folder: Path) -> Any:
    tf.raw_ops.RestoreV2(
        prefix=f"{folder}/victim", tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32], name="hostile"
    )


def _written(folder: Path) -> Any:
    return tf.compat.v1.raw_ops.WriteFile(filename=f"{folder}/touched", contents="x", name="hostile")


def _initial_value(folder: Path) -> Any:
    with tf.control_dependencies([_written(folder)]):
        value = tf.identity(1.0)
    return tf.compat.v1.get_variable("hostile_variable", initializer=value)


def _foreign_restore(folder: Path) -> Any:
    return tf.raw_ops.RestoreV2(
        prefix=f"{folder}/victim", tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32], name="hostile"
    )[0].op


def _linked(path: Path) -> None:
    data = path / "variables" / "variables.index"
    shutil.copy(data, path.parent / "elsewhere")
    data.unlink()
    data.symlink_to(path.parent / "elsewhere")


def _registered(graph: Any) -> None:
    graph.object_graph_def.nodes[0].registered_name = "tf.Hostile"


def _asset(graph: Any) -> None:
    graph.asset_file_def.add(filename="../../victim").tensor_info.name = "x:0"


def _identifier(graph: Any) -> None:
    graph.object_graph_def.nodes[0].user_object.identifier = "hostile_class"


SAVED_MODEL: dict[str, tuple[Attack, str]] = {
    "writes": (hostile.saved_model(_in_folder(lambda f: tf.io.write_file(f"{f}/touched", "x"))), "WriteFile"),
    "writes in a branch": (
        hostile.saved_model(_in_folder(lambda f: tf.io.write_file(f"{f}/touched", "x")), in_branch=True),
        "WriteFile",
    ),
    "reads": (hostile.saved_model(_in_folder(lambda f: tf.io.read_file(f"{f}/victim"))), "ReadFile"),
    "lists": (hostile.saved_model(_in_folder(lambda f: tf.io.matching_files(f"{f}/*"))), "MatchingFiles"),
    "prints": (
        hostile.saved_model(_in_folder(lambda f: tf.print("x", output_stream=f"file://{f}/touched"))),
        "PrintV2",
    ),
    "calls Python": (
        hostile.saved_model(_in_folder(lambda f: tf.py_function(open, [f"{f}/touched"], []))),
        "PyFunc",
    ),
    "reads a table": (hostile.saved_model(_table), "InitializeTableFromTextFile"),
    "reads a checkpoint": (hostile.saved_model(_foreign_checkpoint), "RestoreV2"),
    "dumps": (
        hostile.saved_model(
            _in_folder(lambda f: tf.raw_ops.DebugIdentityV2(input=1.0, debug_urls=[f"file://{f}/touched"]))
        ),
        "DebugIdentityV2",
    ),
    "keeps a path": (hostile.saved_model(_in_folder(lambda f: tf.identity(f"{f}/victim"))), r"\(Const\)"),
    "TensorFlow 1 initializes": (hostile.tensorflow_1(_written, main_op=lambda made: made), "'hostile' .*WriteFile"),
    "TensorFlow 1 has an initial value": (hostile.tensorflow_1(_initial_value), "'hostile' .*WriteFile"),
    "TensorFlow 1 restores another's": (
        hostile.tensorflow_1(_foreign_restore, main_op=lambda made: made),
        "'hostile' .*RestoreV2",
    ),
    "link among the files": (hostile.in_folder(_linked), "variables.index.*a target outside the folder"),
    "asset elsewhere": (hostile.in_graph(_asset), r"asset '\.\./\.\./victim'"),
    "second graph": (
        hostile.in_folder(lambda path: (path / "saved_model.cpb").write_bytes(b"")),
        r"saved_model\.cpb",
    ),
    "registered class": (hostile.in_graph(_registered), r"tf\.Hostile"),
    "Python class": (hostile.in_graph(_identifier), "hostile_class"),
}
