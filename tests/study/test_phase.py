"""The phase diagram is, cell by cell, the fixed point that the start leads to."""

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import InputError
from vgtheory.theory.asymptotics.mean_field import correlation_step

NUMBERS = ("q", "chi", "chi_q", "c", "xi_q", "xi_c")
SIGMA_W, SIGMA_B = np.array([0.8, 1.1, 1.7]), np.array([0.0, 0.1, 0.6])


@pytest.mark.parametrize("act", ["tanh", "erf", "sigmoid", "relu", "gelu", "x*exp(-x**2)"])
def test_every_cell_is_a_fixed_point_found_one_by_one(act):
    diagram = vg.phase_diagram(act, SIGMA_W, SIGMA_B)
    compared = 0
    for i, sigma_b in enumerate(SIGMA_B):
        for j, sigma_w in enumerate(SIGMA_W):
            q = float(diagram.q[i, j])
            if np.isnan(q):
                continue
            point = min(vg.fixed_points(act, sigma_w, sigma_b), key=lambda p: abs(p.q - q))
            here = [float(diagram[name][i, j]) for name in NUMBERS]
            np.testing.assert_allclose(here, [getattr(point, n) for n in NUMBERS], rtol=1e-9, atol=1e-12)
            assert np.isfinite(point.chi_q)
            compared += 1
    assert compared >= 4


def test_a_diagram_that_is_two_percent_off_would_be_noticed():
    wrong = vg.phase_diagram("tanh", SIGMA_W * 1.02, SIGMA_B)
    right = vg.fixed_points("tanh", SIGMA_W[2], SIGMA_B[2])[0]
    assert abs(float(wrong.q[2, 2]) / right.q - 1) > 1e-3


def test_published_point_and_shape():
    # tanh at (1.5, 0.3): q* and chi to the digits of the bivariate integrals in Poole et al. (2016), recomputed
    diagram = vg.phase_diagram("tanh", sigma_w=np.linspace(1, 2, 3), sigma_b=[0.1, 0.3])
    assert dict(diagram.sizes) == {"sigma_b": 2, "sigma_w": 3}
    at = diagram.sel(sigma_w=1.5, sigma_b=0.3)
    assert float(at.q) == pytest.approx(0.96084427974, abs=1e-11)
    assert float(at.chi) == pytest.approx(1.0609812641, abs=1e-10)
    assert at.phase == "exploding/chaotic"


def test_where_no_length_settles_it_says_so():
    diagram = vg.phase_diagram("relu", [1.6], [0.0, 0.1])
    assert diagram.phase.values.ravel().tolist() == ["diverges", "diverges"]
    assert all(np.isnan(diagram[name]).all() for name in NUMBERS)


def test_without_bias_a_weak_network_forgets_everything():
    point = vg.phase_diagram("tanh", [0.9], [0.0]).isel(sigma_b=0, sigma_w=0)
    assert (float(point.q), float(point.chi), float(point.c)) == (0.0, pytest.approx(0.81), 1.0)


@pytest.mark.parametrize(
    ("sigma_w", "sigma_b"),
    [([-1.0], [0.1]), ([np.nan], [0.1]), ([0.0], [0.1]), ([], [0.1]), ([[1.0]], [0.1]), (["a"], [0.1]), ([1], [-0.1])],
)
def test_bad_scales_are_refused(sigma_w, sigma_b):
    with pytest.raises(InputError, match="sigma_"):
        vg.phase_diagram("tanh", sigma_w, sigma_b)


def test_without_correlations_the_rest_is_the_same():
    whole = vg.phase_diagram("tanh", SIGMA_W, SIGMA_B)
    part = vg.phase_diagram("tanh", SIGMA_W, SIGMA_B, correlations=False)
    assert set(whole) - set(part) == {"c", "xi_c"}
    assert part.equals(whole.drop_vars(["c", "xi_c"]))


def test_kinked_cells_next_to_the_critical_line_follow_their_own_map():
    """There the Hermite series cannot decide, and quadrature over nearly equal pairs does."""
    diagram = vg.phase_diagram("hard_tanh", [1.17, 1.18, 1.19, 1.2], [0.4])
    c = diagram.c.values[0]
    assert ((c > 0.97) & (c < 1)).sum() >= 2
    for j, sigma_w in enumerate(diagram.sigma_w.values):
        ahead = correlation_step("hard_tanh", float(diagram.q[0, j]), float(c[j]), float(sigma_w), 0.4)[0]
        assert ahead == pytest.approx(float(c[j]), abs=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "chi"),
    [("sqrt(abs(x))", np.inf), ("sign(x)", 0.0), ("3", 0.0), ("abs(x)**0.75", None), ("1e-9*tanh(x)", None)],
)
def test_unbounded_and_flat_slopes_are_those_of_the_fixed_points(act, chi):
    d = vg.phase_diagram(act, [0.5, 1.2], [0.3])
    for k, sigma_w in enumerate((0.5, 1.2)):
        point = next(p for p in vg.fixed_points(act, sigma_w, 0.3) if p.stable)
        cell = d.isel(sigma_b=0, sigma_w=k)
        assert float(cell.chi) == (pytest.approx(point.chi, rel=1e-10) if chi is None else chi)
        assert float(cell.q) == pytest.approx(point.q, rel=1e-10)
        assert float(cell.c) == pytest.approx(point.c, abs=1e-9)
        assert str(cell.phase.values) == ("vanishing/ordered" if point.chi < 1 else "exploding/chaotic")
