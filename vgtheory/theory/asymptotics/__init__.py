"""What is predicted: mean field (width → ∞), its order 1/width, exact laws and closures."""
