"""The live camera demo: frame sources, the loop that keeps only the newest frame, and the views.

Like `edgecnn.runtime` it runs on a board with the standard library, NumPy, OpenCV and a TFLite runtime alone.
"""
