"""Training of Replymesh bundles: data in, ONNX graphs with their manifest out."""
