"""Quantization-aware training: the Keras model emulates int8 while it trains."""
