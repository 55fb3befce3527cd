"""The moment table against quadrature, published moments and exact powers."""

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, UnsupportedError
from vgtheory.theory.asymptotics.moments import MomentTable, moment_table

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "mean_field.json").read_text())["values"]
AT_ONE = {v["name"].split()[-1]: v["value"] for v in REFERENCE if v["name"].startswith("gaussian moments q=1")}


@pytest.mark.parametrize("name", AT_ONE)
def test_moments_at_q_1_are_the_published_ones(name):
    m = moment_table(vg.activation(name)).direct(np.zeros(1))
    expected = [float(AT_ONE[name][key]) for key in ("E_phi2", "E_dphi2", "E_dphi4")]
    found = [
        np.exp(m.log_square[0]),
        np.exp(m.log_slope_square[0]),
        (m.slope_fourth * np.exp(2 * m.log_slope_square))[0],
    ]
    assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", ["tanh", "gelu", "selu", "hard_tanh", "softplus", "sin"])
def test_the_table_interpolates_the_quadrature(name):
    table = moment_table(vg.activation(name))
    t = np.linspace(np.log(1e-8), np.log(1e4), 60)
    for found, truth in zip(table.at(t), table.direct(t), strict=True):
        assert found == pytest.approx(truth, rel=1e-11, abs=1e-11)


def test_the_scalar_step_is_the_table():
    table = moment_table(vg.activation("gelu"))
    for t in (-300.0, -70.0, -3.3, 0.0, 2.7, 80.0):
        assert table.log_square(t) == pytest.approx(float(table.at(np.array([t])).log_square[0]), rel=1e-14)


def test_far_ends_continue_as_the_half_tangents():
    m = moment_table(vg.activation("elu")).at(np.array([-500.0, 300.0]))
    assert m.log_square == pytest.approx([-500.0, 300.0 - np.log(2)], abs=1e-11)
    assert m.slope_elasticity == pytest.approx([0, 0], abs=1e-11)


def test_a_homogeneous_activation_is_a_power_at_any_q():
    m = moment_table(vg.activation("x**2")).at(np.array([-5000.0, 0.0, 5000.0]))
    assert m.log_square == pytest.approx(np.log(3) + 2 * np.array([-5000.0, 0.0, 5000.0]))
    assert m.log_slope_square == pytest.approx(np.log(4) + np.array([-5000.0, 0.0, 5000.0]))


def test_what_is_not_finite_is_refused():
    table = moment_table(vg.activation("exp(x**2)"))
    with pytest.raises(UnsupportedError, match="not all finite"):
        table.at(np.array([0.0]))
    with pytest.raises(InputError, match="alpha"):
        moment_table(vg.activation("leaky_relu", alpha=sp.Symbol("alpha")))


def test_one_table_per_activation():
    assert moment_table(vg.activation("tanh")) is moment_table(vg.activation("tanh"))
    assert isinstance(moment_table(vg.activation("tanh")), MomentTable)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VGTHEORY_CACHE_DIR", str(tmp_path))
    return tmp_path


# All moments known; some infinite from a q on.
@pytest.mark.parametrize("formula", thinned(["x*tanh(x)", "exp(x**2/9)"], 2))
def test_a_whole_table_is_kept_and_read_back(formula, empty_cache, monkeypatch):
    act = vg.activation(formula)
    made = MomentTable(act)
    top = made.highest()
    assert len(list(empty_cache.rglob("moments/*/*.npz"))) == 1
    monkeypatch.setattr(MomentTable, "direct", None)  # the quadrature is not asked again
    read = MomentTable(act)
    assert read.highest() == top
    where = np.linspace(-20.0, min(top, 20.0) - 0.1, 7)
    np.testing.assert_array_equal(np.stack(read.at(where)), np.stack(made.at(where)))
    assert MomentTable(vg.activation("x*tanh(2*x)"))._panels == []


def test_a_kept_table_that_cannot_be_read_is_made_again(empty_cache):
    act = vg.activation("x*tanh(x)")
    MomentTable(act).highest()
    (kept,) = empty_cache.rglob("moments/*/*.npz")
    kept.write_bytes(kept.read_bytes()[:-100])
    again = MomentTable(act)
    assert again._panels == []
    assert np.isfinite(again.at(np.zeros(1)).log_square).all()


@pytest.mark.parametrize("q", [0.05, 0.5, 3.0])
def test_a_slope_that_falls_off_faster_than_every_power_has_closed_means(q):
    """E e^{−a/z²} = e^{−√(2a)}, and minus its third derivative by a is E z⁻⁶ e^{−a/z²}, for φ = e^{−1/x²}."""
    a = sp.Symbol("a", positive=True)
    sixth = float(-sp.diff(sp.exp(-sp.sqrt(2 * a)), a, 3).subs(a, 2 / q))
    m = moment_table(vg.Activation("exp(-1/x**2)")).at(np.log([q]))
    assert np.exp(m.log_square[0]) == pytest.approx(np.exp(-2 / np.sqrt(q)), rel=1e-12)
    assert np.exp(m.log_slope_square[0]) == pytest.approx(4 * sixth / q**3, rel=1e-12)
