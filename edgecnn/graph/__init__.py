"""TFLite and float graphs as values: layers, costs, receptive fields, ranges, one operator at a time."""
