"""Exports of a run: pages in one file, ONNX, TensorBoard, films, zips."""
