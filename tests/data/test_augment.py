"""Augmentation against plain NumPy: mirrors, identity, mixing; the same numbers for any number of workers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgecnn.core.errors import UsageError
from edgecnn.data.augmentation import PRESETS, Augmentation, preset
from edgecnn.data.augmentation.apply import mix, move_and_recolor
from edgecnn.data.augmentation.draw import draw

SIZE = 12


def batch(count: int = 6) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def changed(augmentation: Augmentation, images: np.ndarray, seed: int = 0) -> np.ndarray:
    drawn = draw(augmentation, len(images), SIZE, SIZE, np.random.default_rng(seed))
    return np.asarray(move_and_recolor(images, drawn.transforms, drawn.colors, augmentation))


def test_mirror_flips_left_to_right() -> None:
    images = batch()
    assert np.allclose(changed(Augmentation(mirror=1.0), images), images[:, :, ::-1], atol=1e-2)


def test_whole_pixel_shift_reflects_at_the_border() -> None:
    images = batch(1)
    drawn = draw(Augmentation(), 1, SIZE, SIZE, np.random.default_rng(0))
    transforms = drawn.transforms.copy()
    transforms[0, 2] = 2  # x: output column c shows input column c + 2
    moved = np.asarray(move_and_recolor(images, transforms, drawn.colors, Augmentation(shift=0.1)))
    expected = np.pad(images, ((0, 0), (0, 0), (0, 2), (0, 0)), mode="symmetric")[:, :, 2:]
    assert np.allclose(moved, expected, atol=1e-2)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_stay_in_range_and_repeat(name: str) -> None:
    images = batch()
    first, second, other = (changed(preset(name), images, seed) for seed in (3, 3, 4))
    assert first.shape == images.shape and first.min() >= -0.01 and first.max() <= 255.01
    assert (first == second).all()
    assert (name == "none") == bool((first == other).all() and (first == images).all())


def test_saturation_and_contrast_leave_what_they_should() -> None:
    gray = np.repeat(batch()[:, :, :, :1], 3, axis=3)
    colors = np.tile(np.array([[0.0, 1.0, 0.3]], np.float32), (6, 1))
    assert np.allclose(move_and_recolor(gray, None, colors, Augmentation(saturation=0.7)), gray, atol=1e-2)
    flat = np.full((6, SIZE, SIZE, 3), 80, np.uint8)
    colors = np.tile(np.array([[10.0, 0.5, 1.0]], np.float32), (6, 1))
    assert np.allclose(move_and_recolor(flat, None, colors, Augmentation(contrast=0.5)), 90, atol=1e-2)


def test_mixup_is_the_weighted_mean_and_cutmix_covers_its_share() -> None:
    images = batch(8).astype(np.float32)
    for augmentation in (Augmentation(mixup=1.0), Augmentation(cutmix=1.0)):
        drawn = draw(augmentation, 8, SIZE, SIZE, np.random.default_rng(5))
        partners = images[drawn.partners]
        mixed = np.asarray(mix(images, partners, drawn.kept, drawn.boxes))
        if augmentation.mixup:
            share = drawn.kept[:, None, None, None]
            assert np.allclose(mixed, images * share + partners * (1 - share), atol=1e-3)
        else:
            foreign = ((mixed == partners) & (partners != images)).any(axis=3).mean(axis=(1, 2))
            same = (partners == images).all(axis=(1, 2, 3))
            assert np.allclose(foreign[~same], 1 - drawn.kept[~same], atol=0.02)
            assert ((mixed == partners) | (mixed == images)).all()


def test_two_workers_draw_the_halves_of_one_batch() -> None:
    drawn = draw(PRESETS["strong_mix"], 8, SIZE, SIZE, np.random.default_rng(2))
    halves = [drawn.rows(0, 4), drawn.rows(4, 8)]
    for field in dataclasses.fields(drawn):
        joined = np.concatenate([getattr(half, field.name) for half in halves])
        assert (joined == getattr(drawn, field.name)).all()


def test_unknown_preset_lists_the_choices() -> None:
    with pytest.raises(UsageError, match="strong_mix"):
        preset("heavy")
