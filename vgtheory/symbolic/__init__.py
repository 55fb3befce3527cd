"""What is true of a function?  SymPy and Arb only: activations, their calculus, certified extrema, Gaussian means."""
