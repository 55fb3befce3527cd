"""`inspect` and `initialise`: what happens to the gradient of a model that exists, and weights that keep it."""

from vgtheory.study.inspection.findings import Inspection
from vgtheory.study.inspection.inspect import inspect
from vgtheory.study.inspection.modules.initialise import Initialisation, initialise

__all__ = ["Initialisation", "Inspection", "initialise", "inspect"]
