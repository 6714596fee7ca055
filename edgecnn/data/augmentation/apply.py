"""Augmentation of a batch in TensorFlow operations, on pixel values 0..255."""

from __future__ import annotations

from typing import Any

from edgecnn.core.compat.tensorflow import tf
from edgecnn.data.augmentation import Augmentation

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_GRAY = 127.0


def move_and_recolor(images: Any, transforms: Any, colors: Any, augmentation: Augmentation) -> Any:
    """Warp and recolor.

    Args:
        images: uint8 or float32 (batch, height, width, channels).
        transforms: see `Draw`.
        colors: see `Draw`.
        augmentation: what to skip because it changes nothing.

    Returns:
        float32 (batch, height, width, channels), 0..255.
    """
    images = tf.cast(images, tf.float32)
    if augmentation.moves:
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=transforms,
            output_shape=tf.shape(images)[1:3],
            fill_value=_GRAY,
            interpolation="BILINEAR",
            fill_mode="CONSTANT" if augmentation.expand > 1 else "REFLECT",
        )
    return _recolored(images, colors[:, :, None, None, None]) if augmentation.recolors else images


def _recolored(images: Any, colors: Any) -> Any:
    brightness, contrast, saturation = colors[:, 0], colors[:, 1], colors[:, 2]
    if images.shape[-1] == 3:
        gray = tf.reduce_sum(images * _LUMA, axis=-1, keepdims=True)
        images = gray + (images - gray) * saturation
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return tf.clip_by_value(mean + (images - mean) * contrast + brightness, 0.0, 255.0)


def mix(images: Any, partners: Any, kept: Any, boxes: Any) -> Any:
    """Mixup, or CutMix where the boxes are not empty.

    Args:
        images: float32 (batch, height, width, channels).
        partners: the same for the images mixed in.
        kept: float32 (batch,); see `Draw`.
        boxes: float32 (batch, 4); see `Draw`.
    """
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    rows = tf.cast(tf.range(height), tf.float32)[None, :, None, None]
    columns = tf.cast(tf.range(width), tf.float32)[None, None, :, None]
    top, left, bottom, right = (boxes[:, i, None, None, None] for i in range(4))
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    share = kept[:, None, None, None]
    blended = images * share + partners * (1 - share)
    return tf.where(bottom > top, tf.where(inside, partners, images), blended)
