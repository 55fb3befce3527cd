"""Which network?  Distributions of weights and stacks of layers as frozen descriptions; nothing is computed here."""
