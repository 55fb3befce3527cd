"""What goes wrong in a network at initialisation, and which changes cure it, each one simulated."""
