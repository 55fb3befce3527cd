"""Will the gradient of this deep network vanish or explode, why, and what has to change?

The symbolic half (activations, derivation, bounds) loads with the package; the numeric half (code generation,
simulation, spectra, reports) loads at first use, so that ``import vgtheory`` stays close to ``import sympy``.
"""

from importlib import import_module
from typing import Any

from vgtheory._errors import RareDrawsWarning, VgtheoryError
from vgtheory.model.architecture import Norm, Skip
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation, catalogue
from vgtheory.symbolic.formula import Formula

__version__ = "0.1.0"

# Public name -> "module:attribute" (or a module) that it stands for, loaded at first use.
_LAZY: dict[str, str] = {
    "compile": "vgtheory.codegen.compiled:compile_activation",
    "to_pytorch": "vgtheory.codegen.export:to_pytorch",
    "to_jax": "vgtheory.codegen.export:to_jax",
    "to_c": "vgtheory.codegen.export:to_c",
    "derivative_range": "vgtheory.symbolic.extrema:derivative_range",
    "saturation": "vgtheory.symbolic.saturation:saturation",
    "slope_tails": "vgtheory.symbolic.shape:slope_tails",
    "growth": "vgtheory.symbolic.shape:growth",
    "monotone_pieces": "vgtheory.symbolic.shape:monotone_pieces",
    "gaussian_mean": "vgtheory.symbolic.gaussian:gaussian_mean",
    "length_map": "vgtheory.symbolic.gaussian:length_map",
    "gradient_gain": "vgtheory.symbolic.gaussian:gradient_gain",
    "dual_kernel": "vgtheory.symbolic.gaussian:dual_kernel",
    "bounds": "vgtheory.theory.bounds:bounds",
    "certificate": "vgtheory.theory.bounds:certificate",
    "recurrent_bounds": "vgtheory.theory.bounds:recurrent_bounds",
    "depth_below": "vgtheory.theory.bounds:depth_below",
    "fixed_points": "vgtheory.theory.fixed_points:fixed_points",
    "critical": "vgtheory.theory.fixed_points:critical",
    "critical_curve": "vgtheory.theory.critical_line:critical_curve",
    "gains": "vgtheory.theory.gains:gains",
    "transform_activation": "vgtheory.theory.transform:transform_activation",
    "architecture_rates": "vgtheory.theory.architectures:architecture_rates",
    "correlation_profile": "vgtheory.theory.architectures:correlation_profile",
    "length_approach": "vgtheory.theory.approach:length_approach",
    "correlation_approach": "vgtheory.theory.approach:correlation_approach",
    "phase_diagram": "vgtheory.study.phase:phase_diagram",
    "predict": "vgtheory.theory.prediction:predict",
    "depth_to_width": "vgtheory.theory.depth_to_width:depth_to_width",
    "layer_covariance": "vgtheory.theory.joint:layer_covariance",
    "tangent_norms": "vgtheory.theory.joint:tangent_norms",
    "simulate": "vgtheory.study.simulate:simulate",
    "simulate_batch": "vgtheory.study.batch:simulate_batch",
    "sweep": "vgtheory.study.sweep:sweep",
    "simulate_several": "vgtheory.study.several:simulate_several",
    "tangents": "vgtheory.study.tangents:tangents",
    "statistics": "vgtheory.study.statistics:statistics",
    "Until": "vgtheory.study.adaptive:Until",
    "lineup": "vgtheory.study.lineup:lineup",
    "cookbook": "vgtheory.study.cookbook:cookbook",
    "inspect": "vgtheory.study.inspection:inspect",
    "advise": "vgtheory.study.advice:advise",
    "spectrum": "vgtheory.spectra.jacobian:spectrum",
    "residual_limit": "vgtheory.spectra.jacobian:residual_limit",
    "eigenvalues": "vgtheory.spectra.eigenvalues:eigenvalues",
    "lyapunov": "vgtheory.spectra.lyapunov:lyapunov",
    "sample_lyapunov": "vgtheory.spectra.lyapunov:sample_lyapunov",
    "sample_spectrum": "vgtheory.spectra.sampling:sample_spectrum",
    "laws": "vgtheory.spectra.laws",
    "ensembles": "vgtheory.spectra.ensembles",
    "compare": "vgtheory.reporting.compare:compare",
    "derivation": "vgtheory.reporting.derivation:derivation",
    "latex": "vgtheory.reporting.latex:latex",
    "write_latex": "vgtheory.reporting.latex:write_latex",
    "plot": "vgtheory.reporting.plot",
    "report": "vgtheory.reporting.report:report",
}

__all__ = [  # noqa: RUF022 - the order of the story: declare, derive, predict, run, explain
    "Activation",
    "activation",
    "catalogue",
    "Weights",
    "Network",
    "Skip",
    "Norm",
    "compile",
    "to_pytorch",
    "to_jax",
    "to_c",
    "derivative_range",
    "saturation",
    "slope_tails",
    "growth",
    "monotone_pieces",
    "gaussian_mean",
    "length_map",
    "gradient_gain",
    "dual_kernel",
    "bounds",
    "certificate",
    "recurrent_bounds",
    "depth_below",
    "fixed_points",
    "critical",
    "critical_curve",
    "gains",
    "transform_activation",
    "architecture_rates",
    "correlation_profile",
    "length_approach",
    "correlation_approach",
    "phase_diagram",
    "predict",
    "depth_to_width",
    "layer_covariance",
    "tangent_norms",
    "simulate",
    "simulate_batch",
    "sweep",
    "simulate_several",
    "tangents",
    "statistics",
    "Until",
    "lineup",
    "cookbook",
    "inspect",
    "advise",
    "spectrum",
    "residual_limit",
    "eigenvalues",
    "lyapunov",
    "sample_lyapunov",
    "sample_spectrum",
    "laws",
    "ensembles",
    "compare",
    "derivation",
    "latex",
    "write_latex",
    "plot",
    "report",
    "Formula",
    "VgtheoryError",
    "RareDrawsWarning",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'vgtheory' has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    value = getattr(import_module(module), attribute) if attribute else import_module(module)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
