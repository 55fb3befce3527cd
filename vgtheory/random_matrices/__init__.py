"""Random matrices by themselves: laws, ensembles, free probability.  Nothing here knows a network."""
