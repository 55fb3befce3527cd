"""Will the gradient of this deep network vanish or explode, why, and what has to change?

Every name loads what it needs at first use: the symbolic half (activations, derivation, bounds) SymPy, the numeric half
(code generation, simulation, spectra, reports) Numba and matplotlib too.
"""

from typing import TYPE_CHECKING, Any

from vgtheory._door import lazy
from vgtheory._errors import VgtheoryError, VgtheoryWarning

if TYPE_CHECKING:  # what the table below loads, for those who check types
    from vgtheory import calculus, meanfield
    from vgtheory.codegen import export
    from vgtheory.codegen.compiled import compile_activation as compile
    from vgtheory.model import blocks
    from vgtheory.model.architecture import Norm, Skip
    from vgtheory.model.inputs import Inputs
    from vgtheory.model.network import Network
    from vgtheory.model.weights import Weights
    from vgtheory.random_matrices import ensembles, laws
    from vgtheory.reporting import plot
    from vgtheory.reporting.capability_table import capabilities
    from vgtheory.reporting.compare import compare
    from vgtheory.reporting.latex import latex
    from vgtheory.reporting.report import report
    from vgtheory.spectra.eigenvalues import eigenvalues
    from vgtheory.spectra.jacobian import spectrum
    from vgtheory.spectra.lyapunov import lyapunov
    from vgtheory.study.advice.advise import advise
    from vgtheory.study.first_steps import coordinate_check
    from vgtheory.study.inspection import initialise, inspect, watch
    from vgtheory.study.phase import phase_diagram
    from vgtheory.study.sample import sample
    from vgtheory.study.simulate import simulate
    from vgtheory.study.summary import summarise
    from vgtheory.study.sweep import sweep
    from vgtheory.symbolic.activation import Activation
    from vgtheory.symbolic.catalogue import activation, catalogue
    from vgtheory.symbolic.extrema import derivative_range
    from vgtheory.symbolic.formula import Formula
    from vgtheory.symbolic.gaussian import gaussian_mean
    from vgtheory.symbolic.saturation import saturation
    from vgtheory.theory.asymptotics.blocks_or_activations import critical, gains
    from vgtheory.theory.asymptotics.fixed_points import fixed_points
    from vgtheory.theory.asymptotics.prediction import predict
    from vgtheory.theory.proofs import bounds

__version__ = "0.1.0"

# Public name -> "module:attribute" (or a module) that it stands for, loaded at first use.
_LAZY: dict[str, str] = {
    "Activation": "vgtheory.symbolic.activation:Activation",
    "activation": "vgtheory.symbolic.catalogue:activation",
    "catalogue": "vgtheory.symbolic.catalogue:catalogue",
    "Weights": "vgtheory.model.weights:Weights",
    "Network": "vgtheory.model.network:Network",
    "Inputs": "vgtheory.model.inputs:Inputs",
    "Skip": "vgtheory.model.architecture:Skip",
    "Norm": "vgtheory.model.architecture:Norm",
    "Formula": "vgtheory.symbolic.formula:Formula",
    "blocks": "vgtheory.model.blocks",
    "capabilities": "vgtheory.reporting.capability_table:capabilities",
    "compile": "vgtheory.codegen.compiled:compile_activation",
    "derivative_range": "vgtheory.symbolic.extrema:derivative_range",
    "saturation": "vgtheory.symbolic.saturation:saturation",
    "gaussian_mean": "vgtheory.symbolic.gaussian:gaussian_mean",
    "bounds": "vgtheory.theory.proofs:bounds",
    "fixed_points": "vgtheory.theory.asymptotics.fixed_points:fixed_points",
    "critical": "vgtheory.theory.asymptotics.blocks_or_activations:critical",
    "gains": "vgtheory.theory.asymptotics.blocks_or_activations:gains",
    "phase_diagram": "vgtheory.study.phase:phase_diagram",
    "predict": "vgtheory.theory.asymptotics.prediction:predict",
    "simulate": "vgtheory.study.simulate:simulate",
    "sweep": "vgtheory.study.sweep:sweep",
    "summarise": "vgtheory.study.summary:summarise",
    "inspect": "vgtheory.study.inspection:inspect",
    "initialise": "vgtheory.study.inspection:initialise",
    "watch": "vgtheory.study.inspection:watch",
    "advise": "vgtheory.study.advice.advise:advise",
    "spectrum": "vgtheory.spectra.jacobian:spectrum",
    "eigenvalues": "vgtheory.spectra.eigenvalues:eigenvalues",
    "lyapunov": "vgtheory.spectra.lyapunov:lyapunov",
    "sample": "vgtheory.study.sample:sample",
    "laws": "vgtheory.random_matrices.laws",
    "ensembles": "vgtheory.random_matrices.ensembles",
    "export": "vgtheory.codegen.export",
    "calculus": "vgtheory.calculus",
    "meanfield": "vgtheory.meanfield",
    "coordinate_check": "vgtheory.study.first_steps:coordinate_check",
    "compare": "vgtheory.reporting.compare:compare",
    "latex": "vgtheory.reporting.latex:latex",
    "plot": "vgtheory.reporting.plot",
    "report": "vgtheory.reporting.report:report",
}

__all__ = [  # noqa: RUF022 - the order of the story: declare, derive, predict, run, explain
    "Activation",
    "activation",
    "catalogue",
    "Weights",
    "Network",
    "blocks",
    "Inputs",
    "Skip",
    "Norm",
    "capabilities",
    "compile",
    "derivative_range",
    "saturation",
    "gaussian_mean",
    "bounds",
    "fixed_points",
    "critical",
    "gains",
    "phase_diagram",
    "predict",
    "simulate",
    "sweep",
    "summarise",
    "inspect",
    "initialise",
    "watch",
    "advise",
    "spectrum",
    "eigenvalues",
    "lyapunov",
    "sample",
    "laws",
    "ensembles",
    "export",
    "calculus",
    "meanfield",
    "coordinate_check",
    "compare",
    "latex",
    "plot",
    "report",
    "Formula",
    "VgtheoryError",
    "VgtheoryWarning",
]


_load, _lazy_names = lazy(__name__, _LAZY)


def __getattr__(name: str) -> Any:
    globals()[name] = value = _load(name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_lazy_names()})
