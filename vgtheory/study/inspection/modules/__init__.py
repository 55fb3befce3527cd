"""What happens in a PyTorch module in memory: one forward and one backward pass, watched call by call."""
