"""All that ever runs on a device: standard library, NumPy, a TFLite runtime, and OpenCV where images are decoded."""
