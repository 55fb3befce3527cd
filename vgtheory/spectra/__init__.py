"""Random matrices: laws, ensembles, and the singular values of deep Jacobians."""
