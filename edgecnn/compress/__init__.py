"""Keras -> Keras, to be trained further: one file per method; files that start with `_` are what they share."""
