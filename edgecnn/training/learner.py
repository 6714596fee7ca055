"""One training step: loss, distillation, gradients, two learning rates; with or without a distribution strategy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn import tasks
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.runtime.model import contract
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.tasks import Task
from edgecnn.training.frozen_norms import folded
from edgecnn.training.recomputed_norms import recomputed
from edgecnn.training.settings import FitSettings
from edgecnn.training.step_dropout import StepDropout


@dataclass(frozen=True)
class Teacher:
    """A model whose outputs are imitated (distillation, arXiv:1503.02531).

    Attributes:
        model: Keras model, normalized images to outputs.
        preprocessing: its own; an image is resized for it when its input size is another.
        order: which of its outputs belongs to each output of the student; None for those that are the student's own.
    """

    model: Any
    preprocessing: Preprocessing
    order: tuple[int, ...] | None

    def answer(self, pixels: Any) -> Any:
        """(batch, height, width, channels) pixel values 0..255 -> outputs, (batch, classes) in the student's order."""
        size = (self.preprocessing.height, self.preprocessing.width)
        if tuple(pixels.shape[1:3]) != size:
            pixels = tf.image.resize(pixels, size, antialias=True)
        outputs = self.model(normalized(pixels, self.preprocessing), training=False)
        return outputs if self.order is None else tf.gather(outputs, self.order, axis=1)


@dataclass(frozen=True)
class Trainee:
    """A model, and the network that it is trained through: itself, or one with further classifiers half-way.

    The losses of such auxiliary classifiers help to train what is before them; they are no part of the model.

    Attributes:
        model: what is wanted; normalized images (or features) to logits.
        network: shares all layers of the model; to logits, or to [logits, auxiliary logits, ...].
        auxiliary_weights: of the auxiliary losses; that of the logits' loss is 1.
    """

    model: Any
    network: Any
    auxiliary_weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, model: Any) -> Trainee:
        """A plain model is trained through itself."""
        return model if isinstance(model, cls) else cls(model, model)

    def auxiliary_variables(self) -> list[Any]:
        """The trainable variables that the model hasn't."""
        shared = {id(variable) for variable in self.model.variables}
        return [variable for variable in self.network.trainable_variables if id(variable) not in shared]


def normalized(inputs: Any, preprocessing: Preprocessing | None) -> Any:
    """Pixel values to the model's input, float32; features pass as they are."""
    inputs = tf.cast(inputs, tf.float32)
    if preprocessing is None:
        return inputs
    return (inputs - np.asarray(preprocessing.mean, np.float32)) / np.asarray(preprocessing.std, np.float32)


class Learner:
    """A model with its optimizers.

    Args:
        model: Keras model, or a `Trainee`; its layers' `trainable` decides what learns, and can't change
            afterwards.
        settings: of the fit.
        preprocessing: mean and std of its input; None for features.
        steps: length of the whole fit, for the learning rate.
        batch_size: over all workers.
        teacher: for distillation.
        task: whose loss it is.
        lean: whether to keep less for the backward pass, see `recomputed_norms`.
    """

    def __init__(
        self,
        model: Any,
        settings: FitSettings,
        preprocessing: Preprocessing | None,
        *,
        steps: int,
        batch_size: int,
        teacher: Teacher | None = None,
        task: Task | None = None,
        lean: bool = False,
    ) -> None:
        trainee = Trainee.of(model)
        self.model, self._network = trainee.model, trainee.network
        self._loss_weights = (1.0, *trainee.auxiliary_weights)
        self.settings, self.preprocessing, self.teacher = settings, preprocessing, teacher
        self._batch_size = batch_size
        self._lean = recomputed if lean else contextlib.nullcontext
        self._task = task or tasks.load(contract.TASK)
        self._strategy = tf.distribute.get_strategy()
        with self._strategy.scope():
            self._groups = _groups(trainee, settings, steps, self._task.own_layers(trainee.model))
            self._averages = self._copies() if settings.weight_average else []
        self.model.optimizer = self._groups[0][0]  # callbacks look for it there
        self._dropout = StepDropout(settings.seed)
        self.step = tf.function(self._step)
        self.outputs = tf.function(self._outputs)

    @property
    def learning_rate(self) -> float:
        """Of the head, now."""
        return float(keras.backend.get_value(self._groups[0][0].learning_rate))

    def state(self) -> dict[str, list[np.ndarray]]:
        """All that a checkpoint needs."""
        slots = [np.asarray(variable.numpy()) for optimizer, _ in self._groups for variable in optimizer.variables]
        state = {"weights": self._network.get_weights(), "slots": slots}
        averages = [np.asarray(average.numpy()) for average in self._averages]
        return {**state, "averages": averages} if averages else state

    def restore(self, state: Any) -> None:
        """The inverse of `state`."""
        self._network.set_weights(state["weights"])
        variables = [variable for optimizer, _ in self._groups for variable in optimizer.variables]
        for variable, value in zip([*variables, *self._averages], [*state["slots"], *state.get("averages", ())]):
            variable.assign(value)

    def _copies(self) -> list[Any]:
        mean = tf.VariableAggregation.MEAN
        return [tf.Variable(each, trainable=False, aggregation=mean) for each in self._averaged_variables()]

    def _averaged_variables(self) -> list[Any]:
        """All that changes: statistics of batch norms belong to the weights that they were taken with."""
        return [
            *self.model.trainable_variables,
            *(
                each
                for layer in self.model.submodules
                if _has_statistics(layer)
                for each in layer.non_trainable_variables
            ),
        ]

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """With the moving average of the weights in the model, where there is one."""
        variables = self._averaged_variables() if self._averages else []
        own = [np.asarray(variable.numpy()) for variable in variables]
        for variable, average in zip(variables, self._averages):
            variable.assign(average.numpy())
        try:
            yield
        finally:
            for variable, value in zip(variables, own):
                variable.assign(value)

    def _step(self, step: Any, inputs: Any, targets: Any, weights: Any) -> Any:
        """Train on one batch; returns the sums of loss and of right answers over all workers, float32 (2,)."""
        sums = self._strategy.run(self._replica_step, (step, inputs, targets, weights))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)

    def _replica_step(self, step: Any, inputs: Any, targets: Any, weights: Any) -> Any:
        variables = [variable for _, group in self._groups for variable in group]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            with self._dropout.of(self._network, step), folded(self._network), self._lean(self._network):
                outputs = self._network(normalized(inputs, self.preprocessing), training=True)
            answers, *auxiliary = self._divided(outputs)
            losses = self._losses(inputs, [answers, *auxiliary], targets) * weights
            regularization = tf.add_n(self._network.losses) if self._network.losses else 0.0
            share = 1.0 / self._strategy.num_replicas_in_sync
            loss = tf.reduce_sum(losses) / self._batch_size + regularization * share
        gradients = tape.gradient(loss, variables)
        for optimizer, group in self._groups:
            mine, gradients = gradients[: len(group)], gradients[len(group) :]
            optimizer.apply_gradients(zip(mine, group))
        self._average(step)
        return tf.stack((tf.reduce_sum(losses), tf.reduce_sum(self._task.hits(answers, targets))))

    def _average(self, step: Any) -> None:
        """Follow the weights, faster at the start (arXiv:1512.00567, section 8; TensorFlow's num_updates)."""
        number = tf.cast(step, tf.float32)
        decay = tf.minimum(self.settings.weight_average, (1 + number) / (10 + number))
        for average, variable in zip(self._averages, self._averaged_variables()):
            average.assign(average * decay + variable * (1 - decay))

    def _divided(self, outputs: Any) -> list[Any]:
        """The model's own outputs (a tensor, or a list of several), then those of its auxiliary classifiers."""
        each = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        own = len(each) - len(self._loss_weights) + 1
        return [each[0] if own == 1 else each[:own], *each[own:]]

    def _losses(self, inputs: Any, outputs: Sequence[Any], targets: Any) -> Any:
        """Of each picture: the loss of the outputs and those of the auxiliary outputs, by their weights."""
        teacher = None if self.teacher is None else tf.nest.map_structure(tf.stop_gradient, self.teacher.answer(inputs))
        losses = [self._task.losses(each, targets, self.settings, teacher) for each in outputs]
        return tf.add_n([loss * weight for loss, weight in zip(losses, self._loss_weights)])

    def _outputs(self, inputs: Any) -> Any:
        """Outputs for one batch, without dropout; every worker computes all of it."""
        outputs = self._strategy.run(lambda: self.model(normalized(inputs, self.preprocessing), training=False))
        return self._strategy.experimental_local_results(outputs)[0]


def _has_statistics(layer: Any) -> bool:
    """Whether it is a batch norm whose statistics follow the images."""
    return isinstance(layer, keras.layers.BatchNormalization) and layer.trainable


def _groups(
    trainee: Trainee, settings: FitSettings, steps: int, own_layers: Sequence[Any]
) -> list[tuple[Any, list[Any]]]:
    """Optimizers with their variables: the head and the auxiliary classifiers, then all others.

    The head is what the task says, or else the last layer that learns.
    """
    model = trainee.model
    layers = [layer for layer in model.layers if layer.trainable_variables]
    if not layers:
        raise ValueError(f"{model.name} has no trainable layer. Set layer.trainable = True on the layers to train.")
    head = [variable for layer in own_layers or layers[-1:] for variable in layer.trainable_variables]
    known = {id(variable) for variable in head}
    backbone = [variable for variable in model.trainable_variables if id(variable) not in known]
    slow = settings.learning_rate if settings.backbone_learning_rate is None else settings.backbone_learning_rate
    groups = [(settings.learning_rate, [*head, *trainee.auxiliary_variables()]), (slow, backbone)]
    return [(_optimizer(rate, variables, settings, steps), variables) for rate, variables in groups if variables]


def _optimizer(rate: float, variables: Sequence[Any], settings: FitSettings, steps: int) -> Any:
    warmup = int(settings.warmup * steps)
    if warmup:
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, max(steps - warmup, 1), warmup_target=rate, warmup_steps=warmup
        )
    else:
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_list=[variable for variable in variables if len(variable.shape) < 2])
    optimizer.build(variables)
    return optimizer
