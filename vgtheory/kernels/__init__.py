"""Numba and NumPy only, arrays in and arrays out.  Knows nothing of activations, networks or SymPy."""
