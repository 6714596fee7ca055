"""The `.tflite` file as values: flatbuffer, graph, metadata, contract."""
