"""A run is a folder: its name, its run.json, its weights, its history, its owner. Trains nothing."""
