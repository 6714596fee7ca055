"""Model files that try to write, delete, read or execute: each is a whole model but for the one hostile part.

An attack is a function that writes the model into a folder and returns its path. In the folder lies `victim`, which
must survive; what the attack would write is called `touched`. FOLDER in a constant stands for the folder.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf

Attack = Callable[[Path], Path]
Config = dict[str, Any]


def keras_2(folder: Path) -> Path:
    """A harmless model of Keras 2 as a `.keras` file."""
    image = keras.Input((8, 8, 3), name="image")
    features = keras.layers.Conv2D(4, 3, name="conv")(image)
    keras.Model(image, keras.layers.Dense(3, name="head")(keras.layers.Flatten(name="flat")(features))).save(
        folder / "plain.keras"
    )
    return folder / "plain.keras"


def keras_3(folder: Path) -> Path:
    """The same of Keras 3."""
    _ = tf.float32
    import keras as keras3

    image = keras3.Input((8, 8, 3), name="image")
    features = keras3.layers.Conv2D(4, 3, name="conv")(image)
    keras3.Model(image, keras3.layers.Dense(3, name="head")(keras3.layers.Flatten(name="flat")(features))).save(
        folder / "plain.keras"
    )
    return folder / "plain.keras"


def repacked(plain: Path, change: Callable[[dict[str, bytes]], None], name: str = "model.keras") -> Path:
    """A copy of a `.keras` file with other members."""
    with zipfile.ZipFile(plain) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    change(members)
    path = plain.with_name(name)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def with_config(plain: Path, change: Callable[[Config], None]) -> Path:
    """A copy whose configuration has been changed."""

    def rewrite(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        change(config)
        members["config.json"] = json.dumps(config).replace("FOLDER", str(plain.parent)).encode()

    return repacked(plain, rewrite)


def layer_of(config: Config, name: str) -> Config:
    """A layer of a model's configuration."""
    return next(layer for layer in config["config"]["layers"] if layer["config"]["name"] == name)


def _called(kind: str, config: Config, arguments: list[Any], keywords: Config) -> Config:
    """A layer that calls a function of TensorFlow with constants, as Keras 2 writes it."""
    first, *others = arguments or [None]
    # Keras 2 writes positional constants behind the tensor as keyword arguments; here all but the first are.
    return {
        "module": "tf_keras.src.layers.core.tf_op_layer",
        "class_name": kind,
        "registered_name": kind,
        "config": {"name": "hostile", "trainable": True, "dtype": "float32", **config},
        "name": "hostile",
        "inbound_nodes": [["_CONSTANT_VALUE", -1, first, dict(zip(keywords, others or keywords.values()))]],
    }


def operation(kind: str, function: str, first: Any, **keywords: Any) -> Attack:
    """A TFOpLambda or SlicingOpLambda layer that calls `function(first, **keywords)` while the model is loaded."""

    def attack(folder: Path) -> Path:
        layer = _called(kind, {"function": function}, [first], keywords)
        return with_config(keras_2(folder), lambda config: config["config"]["layers"].append(layer))

    return attack


def layer_2(layer: Config) -> Attack:
    """A layer more in a Keras 2 model, applied to the image."""

    def attack(folder: Path) -> Path:
        full = {"name": "hostile", "inbound_nodes": [[["image", 0, 0, {}]]], **layer}
        full["config"] = {"name": "hostile", **full["config"]} if isinstance(full["config"], dict) else full["config"]
        return with_config(keras_2(folder), lambda config: config["config"]["layers"].append(full))

    return attack


def layer_3(layer: Config) -> Attack:
    """A layer more in a Keras 3 model, applied to the image."""

    def attack(folder: Path) -> Path:
        def add(config: Config) -> None:
            nodes = layer_of(config, "conv")["inbound_nodes"]
            full = {"name": "hostile", "inbound_nodes": nodes, "registered_name": None, **layer}
            full["config"] = {"name": "hostile", **full["config"]}
            config["config"]["layers"].append(full)

        return with_config(keras_3(folder), add)

    return attack


def part(key: str, value: Any, base: Callable[[Path], Path] = keras_2) -> Attack:
    """An entry in the configuration of the layer `conv`."""
    return lambda folder: with_config(
        base(folder), lambda config: layer_of(config, "conv")["config"].update({key: value})
    )


def in_h5(attack: Attack) -> Attack:
    """The configuration of another attack, in an `.h5` file."""

    def attack_h5(folder: Path) -> Path:
        with zipfile.ZipFile(attack(folder)) as archive:
            config = archive.read("config.json")
        keras.models.load_model(folder / "plain.keras").save(folder / "model.h5")
        with h5py.File(folder / "model.h5", "r+") as file:
            file.attrs["model_config"] = config
        return folder / "model.h5"

    return attack_h5


def h5_arrays(change: Callable[[h5py.File, Path], None]) -> Attack:
    """An `.h5` file whose arrays have been changed."""

    def attack(folder: Path) -> Path:
        keras.models.load_model(keras_2(folder)).save(folder / "model.h5")
        with h5py.File(folder / "model.h5", "r+") as file:
            change(file, folder)
        return folder / "model.h5"

    return attack


def keras_arrays(change: Callable[[h5py.File, Path], None], base: Callable[[Path], Path] = keras_2) -> Attack:
    """A `.keras` file whose weights have been changed."""

    def attack(folder: Path) -> Path:
        def rewrite(members: dict[str, bytes]) -> None:
            weights = folder / "weights.h5"
            weights.write_bytes(members["model.weights.h5"])
            with h5py.File(weights, "r+") as file:
                change(file, folder)
            members["model.weights.h5"] = weights.read_bytes()

        return repacked(base(folder), rewrite)

    return attack


def external_link(file: h5py.File, folder: Path) -> None:
    file["hostile"] = h5py.ExternalLink(str(folder / "victim"), "/")


def soft_link(file: h5py.File, folder: Path) -> None:
    file["hostile"] = h5py.SoftLink("/elsewhere")


def external_storage(file: h5py.File, folder: Path) -> None:
    file.create_dataset("hostile", (8,), "u1", external=[(str(folder / "victim"), 0, 8)])


def virtual_dataset(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((8,), "u1")
    layout[:] = h5py.VirtualSource(str(folder / "victim"), "x", (8,))
    file.create_virtual_dataset("hostile", layout)


def variable_length(file: h5py.File, folder: Path) -> None:
    file.create_dataset("hostile", (1,), h5py.vlen_dtype(np.uint8))


def references(file: h5py.File, folder: Path) -> None:
    file.create_dataset("hostile", (1,), h5py.ref_dtype)


def claimed_size(file: h5py.File, folder: Path) -> None:
    file.create_dataset("hostile", (1 << 30,), "f4", chunks=(1 << 20,), compression="gzip")


def unknown_filter(file: h5py.File, folder: Path) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((8,))
    properties.set_filter(40_000, h5py.h5z.FLAG_OPTIONAL, (1,))
    space = h5py.h5s.create_simple((8,))
    h5py.h5d.create(file.id, b"hostile", h5py.h5t.NATIVE_UINT8, space, properties)


def loop_of_groups(file: h5py.File, folder: Path) -> None:
    file.create_group("hostile")["again"] = file["/"]


def members(change: Callable[[dict[str, bytes]], None], base: Callable[[Path], Path] = keras_2) -> Attack:
    """A `.keras` file with other members."""
    return lambda folder: repacked(base(folder), change)


def saved_model(hostile: Callable[[Path], Any], *, in_branch: bool = False) -> Attack:
    """A SavedModel whose `serving_default` runs `hostile(folder)`, directly or in a branch of an `if`."""

    def attack(folder: Path) -> Path:
        class Model(tf.Module):  # type: ignore[misc,name-defined]
            @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])  # type: ignore[untyped-decorator]
            def serve(self, image: Any) -> Any:
                if not in_branch or tf.reduce_max(image) > -1e9:
                    hostile(folder)
                return {"logits": tf.reduce_mean(image, axis=(1, 2))}

        tf.saved_model.save(model := Model(), str(folder / "saved"), signatures={"serving_default": model.serve})
        return folder / "saved"

    return attack


def tensorflow_1(hostile: Callable[[Path], Any], **arguments: Callable[[Any], Any]) -> Attack:
    """A SavedModel of TensorFlow 1 with an operation that `hostile` makes; `arguments` make the builder's of it."""

    def attack(folder: Path) -> Path:
        v1 = tf.compat.v1
        with tf.Graph().as_default(), v1.Session() as session:
            image = v1.placeholder(tf.float32, (1, 8, 8, 3))
            logits = tf.reduce_mean(image, (1, 2)) @ v1.get_variable("weights", (3, 3))
            made = hostile(folder)
            session.run(v1.global_variables_initializer())
            builder = v1.saved_model.Builder(str(folder / "saved"))
            signature = v1.saved_model.predict_signature_def({"image": image}, {"logits": logits})
            options = {name: make(made) for name, make in arguments.items()}
            builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, **options)
            builder.save()
        return folder / "saved"

    return attack


def in_folder(change: Callable[[Path], None]) -> Attack:
    """A harmless SavedModel whose folder has been changed."""

    def attack(folder: Path) -> Path:
        path = saved_model(lambda _: None)(folder)
        change(path)
        return path

    return attack


def in_graph(change: Callable[[Any], None]) -> Attack:
    """A harmless SavedModel whose graph has been changed."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    def rewrite(folder: Path) -> None:
        message = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        change(message.meta_graphs[0])
        (folder / "saved_model.pb").write_bytes(message.SerializeToString())

    return in_folder(rewrite)
