"""What codes are: the space they lie in, maps and films of maps, priors and samples. Draws no charts."""
