"""Bounds: a sequence of formulas, by place and by name, with the certificate and the statements that bite."""

import pickle

import mpmath
import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, UnknownNameError, UnsupportedError, VgtheoryError
from vgtheory.symbolic.notation import gradient_square
from vgtheory.theory.proofs import Bounds


def bounds(act="tanh", sigma_w=1.5, sigma_b=0.1, width=32, depth=20):
    return vg.bounds(vg.Network(act, vg.Weights.gaussian(sigma_w, sigma_b), width=width, depth=depth))


def test_it_is_a_sequence_with_names():
    found = bounds()
    assert isinstance(found, Bounds)
    assert found[0] is found.formulas[0]
    assert found[-1] is found.formulas[-1]
    assert found[1:3] == found.formulas[1:3]
    assert list(found) == list(found.formulas)
    assert found["symmetrised slope"].name == "symmetrised slope"
    for network in (found, bounds("softplus"), bounds("leaky_relu"), bounds("gelu"), bounds("relu")):
        assert len(network) == len(network.names) == len(set(network.names))
    assert found[0] in found
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - what was just written
    with pytest.raises(UnknownNameError, match="symmetrised slope"):
        found["symetrised slope"]
    with pytest.raises(AttributeError):
        found.formulas = ()


@pytest.mark.parametrize(
    ("act", "sigma_w", "sigma_b", "verdict"),
    thinned(
        [
            ("tanh", 1.5, 1.5, "vanishes"),
            ("tanh", 4.0, 0.3, "explodes"),
            ("relu", sp.sqrt(2), 0.0, None),
            ("sigmoid", 1.0, 0.0, "vanishes"),
        ],
        2,
    ),
)
def test_its_certificate(act, sigma_w, sigma_b, verdict):
    found = bounds(act, sigma_w, sigma_b).certificate
    assert (None if found is None else found.verdict) == verdict


@pytest.mark.parametrize(("act", "sigma_w"), [("tanh", 1.5), ("sigmoid", 2.0), ("gelu", 1.2), ("relu", 1.0)])
def test_the_tightest_are_the_least_upper_and_the_largest_lower_values(act, sigma_w):
    found = bounds(act, sigma_w)
    upper, lower = found.tightest()
    values = {}
    for f in found:
        if f.lhs == gradient_square and {s.name for s in f.symbols} <= {"depth"}:
            at = f.at(depth=20) if f.symbols else f
            values.setdefault(f.kind, []).append(at.value())
    above = values.get("upper bound", []) + values.get("equality", [])
    below = values.get("lower bound", []) + values.get("equality", [])
    assert upper.at(depth=20).value() == min(above)
    assert (lower is None and not below) or lower.at(depth=20).value() == max(below)
    if lower is not None:
        assert lower.at(depth=20).value() <= upper.at(depth=20).value()


@pytest.mark.slow
def test_vacuous_statements_are_never_the_tightest():
    deep = bounds("tanh", 1.5, 0.1, 32, 10**6)
    assert deep.tightest().upper is None  # E‖·‖² ≤ 10^{300 000} says nothing
    assert float(deep.tightest().lower.at(depth=1000).value()) > 1  # but it is proved to explode
    assert bounds("tanh", 1.2, 0.3, 32, 10**6).tightest().lower is None
    assert bounds("sigmoid", 1.0, 0.0, 32, 10**6).tightest().upper is not None  # E‖·‖² ≤ 16^{−L} is a statement
    with pytest.raises(InputError, match="symbolic"):
        bounds(depth=sp.Symbol("depth", integer=True, positive=True)).tightest()


@pytest.mark.slow
def test_depth_below():
    found = bounds("sigmoid", 1.0, 0.0, 64, 30)
    depth = found.depth_below(1e-30)
    assert float(found.tightest().upper.at(depth=depth).value()) < 1e-30
    assert bounds("tanh", 4.0, 0.3).depth_below(1e-3) is None
    for wrong in (0, -1.0, "1", None):
        with pytest.raises(InputError, match="level"):
            found.depth_below(wrong)


@pytest.mark.parametrize("wrong", ["tanh", None, 3, [1], np.eye(2)])
def test_what_is_no_network_is_refused(wrong):
    with pytest.raises(VgtheoryError, match="Network"):
        vg.bounds(wrong)


def spectral(network_weights, width, depth, act="tanh"):
    return vg.bounds(vg.Network(act, network_weights, width, depth))


def test_tied_weights_have_bounds_on_the_jacobian():
    haar = spectral(vg.Weights.orthogonal(0.9).tie(), 16, 50)
    assert float(haar["norm of the tied matrix"].at(depth=50).value()) == pytest.approx(0.9**50)
    drawn = spectral(vg.Weights.gaussian(0.4, 0.1).tie(), 30, 12)["norm of the tied matrix"].at(depth=12, p=0.1)
    rng = np.random.default_rng(0)
    exceeded = sum(
        np.linalg.norm(0.4 / 30**0.5 * rng.standard_normal((30, 30)), 2) ** 12 > float(drawn.value())
        for _ in range(300)
    )
    assert exceeded <= 30  # each with a chance of at most 0.1, in truth far less
    with pytest.raises(UnsupportedError, match="uniform"):
        spectral(vg.Weights.uniform(1.0).tie(), 8, 3)


def test_given_weights_have_the_bounds_of_their_matrices():
    rng = np.random.default_rng(1)
    w = 0.3 * rng.standard_normal((5, 5))
    tied = spectral(vg.Weights.given([w] * 7), 5, 7)
    assert {"norm of the matrix", "spectral radius of |W|", "scaled norm"} <= set(tied.names)
    assert float(tied["norm of the matrix"].at(depth=1).value()) == pytest.approx(np.linalg.norm(w, 2), rel=1e-8)
    shapes = [(7, 4), (3, 7), (6, 3)]
    given = [rng.standard_normal(shape) for shape in shapes]
    (only,) = spectral(vg.Weights.given(given), (4, 7, 3, 6), 3)
    assert float(only.value()) == pytest.approx(np.prod([np.linalg.norm(m, 2) for m in given]), rel=1e-8)
    assert float(only.value()) >= np.prod([np.linalg.norm(m, 2) for m in given])


DEEP = {"depth": 10**12, "p": 0.01, "eps": 0.1, "layer": 5, "t": 2}


@pytest.mark.parametrize(
    ("name", "scales", "title"),
    [("sigmoid", (1.5, 0.5), "symmetrised slope"), ("relu", (1.5, 0), "fourth moment")],
)
def test_any_depth_is_answered(name, scales, title):
    """Powers of fractions stay powers: the value's logarithm is the depth times one of a layer."""
    found = vg.bounds(vg.Network(name, vg.Weights.gaussian(*scales), width=50, depth=10))
    for formula in found:
        at = {key: value for key, value in DEEP.items() if key in {s.name for s in formula.symbols}}
        if "depth" in at and {s.name for s in formula.symbols} <= set(at) and not formula.conditions:
            formula.at(**at).value()
    logarithms = [mpmath.log(found[title].at(depth=depth).value(30)) for depth in (10**12, 10**4)]
    assert mpmath.almosteq(logarithms[0], 10**8 * logarithms[1], 1e-14)
    if title == "symmetrised slope":
        assert str(found[title].at(depth=10**12).expr) == "(9/64)**1000000000000"
        assert mpmath.almosteq(logarithms[1], 10**4 * mpmath.log(mpmath.mpf(9) / 64), 1e-14)


def test_dead_networks_of_any_depth():
    """1 − (1 − 2^−50)^L, without a difference of numbers near 1."""
    found = vg.bounds(vg.Network("relu", vg.Weights.he(), width=50, depth=10))["probability of a dead network"]
    with mpmath.workdps(60):
        for depth in (3, 10**4, 10**4 + 1, 10**7, 10**15):
            truth = -mpmath.expm1(depth * mpmath.log1p(-(mpmath.mpf(2) ** -50)))
            assert mpmath.almosteq(found.at(depth=depth).value(), truth, 1e-14)


@pytest.mark.parametrize(("width", "depth"), [(400, 300), (9999, 9999), (10**6, 10**12)])
def test_dead_networks_of_any_width(width, depth):
    """With chances that small, L 2^−N up to a relative error of that size."""
    network = vg.Network("relu", vg.Weights.he(), *sp.symbols("width depth", integer=True, positive=True))
    value = vg.bounds(network)["probability of a dead network"].at(width=width, depth=depth).value()
    assert mpmath.almosteq(value, mpmath.ldexp(depth, -width), 1e-14)


def test_values_for_which_a_bound_does_not_hold_are_refused():
    found = vg.bounds(vg.Network("sigmoid", vg.Weights.gaussian(1.5, 0.5), width=50, depth=20))
    with pytest.raises(InputError, match=r"p must be below 1 \(got 2\)"):
        found["gradient norm with probability 1 − p"].at(p=2)
    for title in ("gradient at layer l", "weight gradient at layer l"):
        with pytest.raises(InputError, match="layer <= depth"):
            found[title].at(depth=20, layer=21)
        assert found[title].at(depth=20, layer=20).value() > 0
    # |φ'| ≤ ¼ everywhere: at that ε and above all units count as saturated, and no set of outer half-lines does.
    for title in ("probability of saturation", "saturated fraction, bias", "whole layer saturated, bounded activation"):
        with pytest.raises(InputError, match="eps < 1/4"):
            found[title].at(eps=0.3)
        assert 0 < found[title].at(eps=0.2, **({"q": 1} if "probability" in title else {})).value() < 1
    for place in (999, len(found), -len(found) - 1):
        with pytest.raises(InputError, match=f"from -{len(found)} to {len(found) - 1}, a slice or a name"):
            found[place]
    assert found[-1] is found.formulas[-1]
