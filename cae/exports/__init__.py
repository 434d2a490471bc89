"""What one takes home: one-file pages, reports, ONNX, TensorBoard, films, zips."""
