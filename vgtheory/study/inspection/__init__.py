"""What happens to the gradient of a model that exists, weights that keep it, and what becomes of it in training."""

from vgtheory.study.inspection.inspect import inspect
from vgtheory.study.inspection.inspection import Inspection
from vgtheory.study.inspection.modules.initialise import Initialisation, initialise
from vgtheory.study.inspection.modules.training import Training, watch

__all__ = ["Initialisation", "Inspection", "Training", "initialise", "inspect", "watch"]
