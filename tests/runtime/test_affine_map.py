"""Codes and real values against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from edgecnn.runtime.model.quantization import dequantize, quantize


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32])
def test_real_values_are_the_nearest_float32(dtype: type) -> None:
    bounds, scale, zero = np.iinfo(dtype), np.float32(0.0078431377), 3
    codes = np.linspace(bounds.min, bounds.max, 1001).astype(dtype)
    exact = [Fraction(float(scale)) * (int(code) - zero) for code in codes]
    np.testing.assert_array_equal(dequantize(codes, scale, zero), np.array([float(x) for x in exact], np.float32))


def test_each_channel_has_its_own_scale() -> None:
    codes = np.arange(-6, 6, dtype=np.int8).reshape(2, 3, 2)
    scale, zero = np.array([0.5, 2.0, 1.0], np.float32), np.array([0, 1, -1])
    expected = (codes - zero[None, :, None]) * scale[None, :, None]
    np.testing.assert_array_equal(dequantize(codes, scale, zero, axis=1), expected)


def test_codes_are_the_nearest_and_clipped() -> None:
    values = np.array([-1000.0, -0.26, -0.24, 0.0, 0.74, 0.76, 1000.0])
    assert quantize(values, 0.5, 10, np.uint8).tolist() == [0, 9, 10, 10, 11, 12, 255]
    assert quantize(values, 0.5, 10, np.int8).tolist() == [-128, 9, 10, 10, 11, 12, 127]
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(quantize(dequantize(codes, 0.1, 7), 0.1, 7, np.uint8), codes)
