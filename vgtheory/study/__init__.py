"""Run it: simulations and their comparison with theory."""
