"""Models that other libraries convert to float `.tflite`, each in an environment of its own: they pin TensorFlow."""
