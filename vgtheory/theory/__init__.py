"""What can be proved or predicted?  Bounds, mean field, finite width: formulas and their values, without Numba."""
