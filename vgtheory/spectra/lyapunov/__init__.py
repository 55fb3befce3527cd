"""Lyapunov exponents of deep networks: the law as width and depth grow, at finite width."""

from vgtheory.spectra.lyapunov.finite import WidthExponents
from vgtheory.spectra.lyapunov.formulas import complex_formula
from vgtheory.spectra.lyapunov.frame import layers_between
from vgtheory.spectra.lyapunov.limit import Lyapunov
from vgtheory.spectra.lyapunov.of_network import lyapunov

__all__ = ["Lyapunov", "WidthExponents", "complex_formula", "layers_between", "lyapunov"]
