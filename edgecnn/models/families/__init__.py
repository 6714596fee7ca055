"""Architectures, one file per family: a `VARIANTS` table (data, no TensorFlow) and a `build` function."""
