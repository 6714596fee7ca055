"""How PyTorch libraries name the weights of a family, one file per table of names."""
