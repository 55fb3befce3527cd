"""Networks of blocks, run: the four steps, whole networks, matrices that are asked, and what a study shows."""
