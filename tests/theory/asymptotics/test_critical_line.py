"""The critical line against single points, its closed forms, published constants and their errata; gains."""

import json
from pathlib import Path

import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, NoSolutionError
from vgtheory.theory.asymptotics.critical_line import critical_formulas
from vgtheory.theory.asymptotics.mean_field import gradient_gain_at, next_length

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "gains.json").read_text())["values"]


def value_of(prefix):
    return next(v["value"] for v in REFERENCE if v["name"].startswith(prefix))


@pytest.mark.parametrize("name", thinned(["tanh", "erf", "sin", "gelu", "silu", "elu", "hard_tanh"], 3))
def test_every_point_of_the_line_is_a_critical_fixed_point(name):
    data = vg.meanfield.critical_curve(name, np.linspace(-3, 3, 7)).data
    assert data.sizes["q"] >= 4
    for point in data.q:
        d = data.sel(q=point)
        assert float(gradient_gain_at(name, d.q, float(d.sigma_w))) == pytest.approx(1, abs=1e-11)
        ahead = float(next_length(name, d.q, float(d.sigma_w), float(d.sigma_b)))
        assert ahead == pytest.approx(float(d.q), rel=1e-11)
        single = vg.critical(name, float(d.sigma_b))
        assert single.stable or not bool(d.stable)


@pytest.mark.parametrize("name", ["erf", "sin"])
def test_closed_lines_in_sigma_w(name):
    (formula,) = critical_formulas(name)
    assert formula.status == "proved"
    for sigma_b in (0.05, 0.4, 1.0):
        sigma_w = vg.critical(name, sigma_b).sigma_w
        assert float(formula.at(sigma_w=sigma_w).value()) == pytest.approx(sigma_b**2, rel=1e-8)
        assert float(formula.at(sigma_w=0.99 * sigma_w).value()) != pytest.approx(sigma_b**2, rel=1e-3)


@pytest.mark.parametrize("name", ["gelu", "elu", "hard_tanh", "probit", "cos", "gaussian"])
def test_closed_lines_agree_with_quadrature(name):
    formulas, data = critical_formulas(name), vg.meanfield.critical_curve(name, np.array([0.5, 1.0, 1.5])).data
    assert formulas
    for point in data.q.values:
        d = data.sel(q=point)
        for formula in formulas:
            if {s.name for s in formula.symbols} == {"q"}:
                truth = float(d.sigma_w if "sigma_w" in str(formula.lhs) else d.sigma_b) ** 2
                assert float(formula.at(q=float(point)).value()) == pytest.approx(truth, rel=1e-10, abs=1e-11)
            else:
                found = float(formula.at(sigma_w=float(d.sigma_w)).value())
                assert found == pytest.approx(float(d.sigma_b) ** 2, rel=1e-8)


def test_errata_of_published_points():
    """Digits of the literature and what is exact: see docs/mean-field.md."""
    assert vg.critical("tanh", 0.2).sigma_w == pytest.approx(1.304145840057, abs=1e-11)  # printed 1.302
    assert vg.critical("elu", 0.2).sigma_w == pytest.approx(1.229251124, abs=1e-9)  # printed 1.227
    elu = value_of("Hayou get_eoc")
    assert elu["value_there"] == pytest.approx(1.227, abs=1e-4)  # an iteration stopped after 67 steps
    assert vg.critical("elu", 0.2).sigma_w == pytest.approx(elu["limit"], abs=1e-8)
    small = value_of("tanh critical sigma_w2=1.05")
    assert vg.critical("tanh", small["sigma_b2"] ** 0.5).sigma_w ** 2 == pytest.approx(1.05, abs=1e-8)
    assert vg.meanfield.critical_curve("relu").data.sigma_w.values == pytest.approx([2**0.5])


def test_lines_that_do_not_exist():
    with pytest.raises(NoSolutionError, match="slope 0"):
        vg.meanfield.critical_curve("step")
    assert vg.meanfield.critical_curve("softplus").data.sizes["q"] == 0
    with pytest.raises(InputError, match="log_q"):
        vg.meanfield.critical_curve("tanh", [np.nan])


@pytest.mark.parametrize("moment", [v for v in REFERENCE if v["name"].startswith("gaussian")], ids=lambda v: v["name"])
def test_gains_are_the_published_ones(moment):
    found, value = vg.gains(moment["name"].split()[-1]), moment["value"]
    assert [found.rms, found.std, found.backward] == pytest.approx(
        [float(value[k]) for k in ("forward_gain_rms", "forward_gain_std", "backward_gain")], rel=1e-13
    )


def test_what_frameworks_call_a_gain():
    tanh, published = vg.gains("tanh"), value_of("tanh with torch gain")
    assert (tanh.settled.q, tanh.settled.chi) == pytest.approx((published["q"], published["chi1"]), rel=1e-11)
    assert (tanh.settled.q / tanh.framework**2) ** 0.5 == pytest.approx(published["output_rms"], rel=1e-11)
    relu = vg.gains("relu")
    assert (relu.rms, relu.backward) == pytest.approx((relu.framework,) * 2, rel=1e-14)
    selu = vg.gains("selu")
    assert (selu.rms, selu.framework) == (pytest.approx(1, abs=1e-14), 0.75)
    assert selu.small_signal**-2 == pytest.approx(value_of("SELU small-signal"), rel=1e-12)
    assert selu.settled.chi == pytest.approx(1.0036703508, rel=1e-8)
    assert selu.backward**-2 == pytest.approx(float(value_of("SELU chi1")), rel=1e-13)
    assert vg.gains("step").backward == np.inf
    assert np.isnan(vg.gains("softplus").small_signal)
