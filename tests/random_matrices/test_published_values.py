"""Edges, moments and exponents of products of random matrices as published."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import erf

import vgtheory as vg
from tests.thinning import thinned

VALUES = json.loads((Path(__file__).parents[1] / "reference" / "random_matrices.json").read_text())["values"]


def chosen(prefix):
    return [pytest.param(v, id=f"{v['name']} {v['inputs']}") for v in VALUES if v["name"].startswith(prefix)]


@pytest.mark.parametrize("entry", chosen("Fuss-Catalan"))
def test_linear_networks(entry):
    depth, value = entry["inputs"]["L"], entry["value"]
    law = vg.laws.fuss_catalan(depth)
    assert [law.moment(k) for k in range(1, 6)] == pytest.approx(value["moments_1to5"], rel=1e-12)
    assert law.var() == pytest.approx(value["variance"], rel=1e-12)
    found = vg.spectrum(vg.Network("identity", vg.Weights.gaussian(1), 500, depth))
    for edge in (law.support()[1], np.exp(2 * found.support_log()[-1])):
        assert edge == pytest.approx(value["lambda_max"], rel=1e-11)
        assert edge / (np.e * depth) == pytest.approx(value["lambda_max_over_eL"], rel=1e-11)


@pytest.mark.parametrize("family", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("entry", chosen("lambda_max piecewise"))
def test_edges_of_piecewise_linear_networks(entry, family):
    """At χ = σ_w² p = 1; the published edge of orthogonal weights exists where it lies above the atom."""
    depth, value = entry["inputs"]["L"], entry["value"]
    name = entry["name"].split()[2]
    q = 1.0 if name == "relu" else float(entry["name"].split("q*=")[1])
    share = 0.5 if name == "relu" else float(erf(1 / np.sqrt(2 * q)))
    assert share == pytest.approx(entry["inputs"]["p"], rel=1e-14)
    act = "relu" if name == "relu" else "hard_tanh"
    found = vg.spectrum(vg.Network(act, getattr(vg.Weights, family)(share**-0.5), 500, depth), q=q)
    assert found.var_square == pytest.approx(value["var_gauss" if family == "gaussian" else "var_orth"], rel=1e-10)
    if value[family] is not None:
        assert np.exp(2 * found.support_log()[-1]) == pytest.approx(value[family], rel=1e-11)


@pytest.mark.parametrize("entry", thinned(chosen("Smooth universality"), 4))
def test_smooth_universality_class(entry):
    value = entry["value"]
    law = vg.laws.from_s_transform(f"exp(-{entry['inputs']['sigma0_sq']}*m)")
    assert [law.moment(k) for k in range(1, 5)] == pytest.approx(value["moments_1to4"], rel=1e-9)
    assert law.support() == pytest.approx((value["lambda_min"], value["lambda_max"]), rel=1e-10)


@pytest.mark.parametrize("entry", thinned(chosen("ResNet universality"), 3))
def test_residual_universality_class(entry):
    """The law of residual networks as depth → ∞, and S given as a formula."""
    c, value = entry["inputs"]["c"], entry["value"]
    given = vg.laws.from_s_transform(f"exp(-{c}*(1+2*m))")
    assert given.support() == pytest.approx((value["lambda_min"], value["lambda_max"]), rel=1e-9)
    deep = vg.spectrum(
        vg.Network("identity", vg.Weights.gaussian(1), 500, 20_000, skip=float(np.sqrt(c / 20_000))), q=1.0
    )
    edges = np.exp(2 * np.array(deep.support_log()))
    assert edges == pytest.approx((value["lambda_min"], value["lambda_max"]), rel=1e-3)
    assert deep.mean_square == pytest.approx(value["m1"], rel=1e-3)
    assert deep.var_square / deep.mean_square**2 == pytest.approx(value["var_over_m1sq"], rel=1e-3)


@pytest.mark.parametrize("entry", chosen("Bernoulli universality"))
def test_bernoulli_universality_class(entry):
    """Orthogonal hard-tanh-like networks, p = 1 − σ_0²/L at depth L: the edge and the atom converge like 1/L."""
    v, value = entry["inputs"]["sigma0_sq"], entry["value"]
    depth = 100_000
    q = brentq(lambda q: erf(1 / np.sqrt(2 * q)) - (1 - v / depth), 1e-3, 1.0, xtol=1e-15)
    share = float(erf(1 / np.sqrt(2 * q)))
    found = vg.spectrum(vg.Network("hard_tanh", vg.Weights.orthogonal(share**-0.5), 500, depth), q=q)
    assert np.exp(2 * found.support_log()[-1]) == pytest.approx(value["lambda_max"], rel=3 / depth * (1 + v) ** 2)
    atoms = [mass for place, mass in found.atoms if place > 0]
    assert sum(atoms) == pytest.approx(value["atom_at_exp_t"], abs=1e-4)


@pytest.mark.parametrize("entry", chosen("Newman"))
def test_newman_exponents(entry):
    """Of the real Ginibre product; eight are listed at most."""
    n = entry["inputs"]["N"]
    found = vg.lyapunov(vg.Network("identity", vg.Weights.gaussian(1), n, 50)).finite_width(n)
    np.testing.assert_allclose(found[: len(entry["value"])], entry["value"], rtol=1e-13)
