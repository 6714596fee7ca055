"""The float model that is quantized and compared with: Keras 2, Keras 3, SavedModel."""
