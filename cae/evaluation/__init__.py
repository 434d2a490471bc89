"""How good a run is: reconstruction errors, probes of its codes, an independent classifier, the quality of samples."""
