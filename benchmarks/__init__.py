"""Measured speed: ours and a peer's in one run, on one machine.  `python -m benchmarks`."""
