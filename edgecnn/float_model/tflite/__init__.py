"""Float `.tflite` files by others as float models: rebuilt from their operators as TensorFlow operations."""
