"""Correlations of eigenvalues on the scale of their spacing: unfolding, spacings, counts, and exact curves."""
