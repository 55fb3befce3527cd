"""`inspect`: what happens to the gradient of a model that exists, from its weights or from the model in memory."""

from vgtheory.study.inspection.findings import Inspection
from vgtheory.study.inspection.inspect import inspect

__all__ = ["Inspection", "inspect"]
