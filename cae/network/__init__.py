"""The autoencoder and how it learns: tensors in, tensors out. Reads and writes no files."""
