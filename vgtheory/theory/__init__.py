"""What can be proved or predicted about a network: proofs at every finite width, and asymptotics."""
