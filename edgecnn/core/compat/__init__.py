"""Private interfaces of TensorFlow, Keras and LiteRT, a file each, so that a new release is met in one place."""
