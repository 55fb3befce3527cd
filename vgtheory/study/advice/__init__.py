"""`advise`: what goes wrong in a network at initialisation, and which changes cure it, each one simulated."""

from vgtheory.study.advice.advise import Advice, advise
from vgtheory.study.advice.problems import Problem
from vgtheory.study.advice.remedies import Remedy

__all__ = ["Advice", "Problem", "Remedy", "advise"]
