"""Running a model: image to input tensor, interpreter, golden vectors."""
