"""Verbs of the symbolic half given anything: one of the package's errors, never a bare one."""

import contextlib

import pytest
import sympy as sp
import xarray as xr

import vgtheory as vg
from vgtheory.symbolic.extrema import slope_bound
from vgtheory.symbolic.integrability import finite_mean, smoothness

JUNK = [None, 3, [1], xr.Dataset(), True, 1.5, object(), sp.true, b"tanh", ("tanh",), float("nan"), "no such name"]
VERBS = {
    "activation": vg.activation,
    "Activation": vg.Activation,
    "name": lambda a: vg.Activation("tanh(x)", a),
    "parameter": lambda a: vg.activation("leaky_relu", alpha=a),
    "derivative_range": vg.derivative_range,
    "order": lambda a: vg.derivative_range("tanh", a),
    "slope_bound": slope_bound,
    "saturation": lambda a: vg.saturation(a, 0.1),
    "swapped": lambda a: vg.saturation(0.1, a),
    "eps": lambda a: vg.saturation("tanh", a),
    "probability": lambda a: vg.saturation("tanh", 0.1).probability(a),
    "gaussian_mean": lambda a: vg.gaussian_mean(a, 1),
    "variance": lambda a: vg.gaussian_mean(sp.Symbol("x") ** 2, a),
    "variable": lambda a: vg.gaussian_mean(sp.Symbol("x") ** 2, 1, a),
    "tails": vg.calculus.tails,
    "order of tails": lambda a: vg.calculus.tails("tanh", a),
    "pieces": vg.calculus.pieces,
    "length_map": vg.calculus.length_map,
    "gradient_gain": vg.calculus.gradient_gain,
    "dual_kernel": vg.calculus.dual_kernel,
    "derivation": vg.calculus.derivation,
    "eps of a derivation": lambda a: vg.calculus.derivation("relu", a),
    "finite_mean": finite_mean,
    "power": lambda a: finite_mean("tanh", 1, a),
    "q": lambda a: finite_mean("tanh").holds(a),
    "smoothness": smoothness,
}


@pytest.mark.parametrize("verb", VERBS)
def test_junk_is_refused_by_our_own_errors(verb):
    for junk in JUNK:
        with contextlib.suppress(vg.VgtheoryError):  # a number may be right here, anything else than ours may not come
            VERBS[verb](junk)
