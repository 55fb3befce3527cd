"""`inspect`: what the weights of a real network do to its gradient, layer by layer."""

from vgtheory.study.inspection.inspect import Inspection, inspect

__all__ = ["Inspection", "inspect"]
