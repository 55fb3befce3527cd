"""Fixed points and critical points against published values, errata of public constants, and limits."""

import json
from pathlib import Path

import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.theory.asymptotics.correlation_table import correlation_table
from vgtheory.theory.asymptotics.critical_line import half_stable
from vgtheory.theory.asymptotics.fixed_points import critical, fixed_points, length_limit, phase
from vgtheory.theory.asymptotics.mean_field import next_length

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "mean_field.json").read_text())["values"]


def chosen(prefix):
    return [pytest.param(v, id=f"{v['name']} {v['inputs']}") for v in REFERENCE if v["name"].startswith(prefix)]


@pytest.mark.parametrize("point", chosen("EOC point"))
def test_critical_points_are_the_published_ones(point):
    found = critical(point["name"].split()[-1], point["inputs"]["sigma_b2"] ** 0.5)
    value = point["value"]
    assert (found.sigma_w, found.q, found.chi_q) == pytest.approx(
        (value["sigma_w"], value["q"], value["chi_parallel"]), rel=1e-8
    )
    assert found.stable == (value["chi_parallel"] < 1)


@pytest.mark.parametrize("point", chosen("phase point"))
def test_fixed_points_are_the_published_ones(point):
    sigma_w, sigma_b = point["inputs"]["sigma_w2"] ** 0.5, point["inputs"]["sigma_b2"] ** 0.5
    (found,) = fixed_points(point["name"].split()[-1], sigma_w, sigma_b)
    value = point["value"]
    assert (found.q, found.chi, found.c, found.xi_q) == pytest.approx(
        (value["q_star"], value["chi1"], value["c_star"], value["xi_q"]), rel=1e-8
    )
    assert found.xi_c == pytest.approx(value["xi_c"], rel=1e-6)


@pytest.mark.parametrize("point", chosen("silu length-map"))
def test_silu_has_two_fixed_points_or_none(point):
    """At (σ_b, σ_w) = (0.2, 1.718), given as SiLU's edge of chaos in the literature, there is no fixed point at all."""
    found = fixed_points("silu", point["inputs"]["sigma_w"], point["inputs"]["sigma_b"])
    assert [p.q for p in found] == pytest.approx([v["q"] for v in point["value"]], rel=1e-8)
    assert [p.chi for p in found] == pytest.approx([v["chi1"] for v in point["value"]], rel=1e-8)
    assert [p.chi_q for p in found] == pytest.approx([v["chi_par"] for v in point["value"]], rel=1e-8)
    if not found:
        assert length_limit("silu", point["inputs"]["sigma_w"], point["inputs"]["sigma_b"]) == np.inf


@pytest.mark.parametrize("point", chosen("PDLT"))
def test_half_stable_points(point):
    ((sigma_w, sigma_b, q),) = half_stable(point["name"].split()[-1])
    value = point["value"]
    assert (sigma_w**2, sigma_b**2, q) == pytest.approx((value["C_W"], value["C_b"], value["K_star"]), rel=1e-9)
    assert half_stable("tanh") == []


def test_gelu_half_stable_point_is_algebraic():
    assert half_stable("gelu")[0][2] == pytest.approx((3 + 17**0.5) / 2, rel=1e-10)


def test_values_of_record():
    (tanh,) = fixed_points("tanh", 1.5, 0.3)
    assert (tanh.q, tanh.chi) == pytest.approx((0.96084427974, 1.0609812641), abs=1e-10)
    assert critical("tanh", 0.05**0.5).sigma_w ** 2 == pytest.approx(1.76095463961, abs=1e-10)
    assert critical("silu", 0.2).sigma_w == pytest.approx(1.67953160069, abs=1e-10)
    assert not critical("silu", 0.2).stable
    selu = next(p for p in fixed_points("selu", 1.0) if p.stable)
    assert (selu.q, selu.chi, selu.chi_q) == pytest.approx((1.0, 1.0715749924558, 0.7826478831), rel=1e-9)
    assert selu.c == pytest.approx(0.0, abs=1e-9)  # E φ = 0 at SELU's fixed point
    gain = next(p for p in fixed_points("tanh", 5 / 3) if p.stable)
    assert (gain.q, gain.chi) == pytest.approx((1.1784804903863342, 1.2098313203826554), rel=1e-10)


def test_stability_of_a_length_of_erf_is_williams_closed_form():
    (p,) = fixed_points("erf", 1.4, 0.3)
    slope = 1.4**2 * 4 / np.pi / (1 + 2 * p.q) / np.sqrt(1 + 4 * p.q)
    assert p.chi_q == pytest.approx(slope, rel=1e-10)


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"),
    thinned(
        [
            ("tanh", 4.0, 0.1),
            ("gelu", 1.4, 0.3),
            ("sin", 6.0, 0.1),
            ("mish", 1.3, 0.2),
            ("exp(-x**2)", 2.0, 0.5),
            ("softplus", 1.0, 0.1),
        ],
        3,
    ),
)
def test_every_fixed_point_satisfies_its_equation_and_none_is_missed(name, sigma_w, sigma_b):
    points = fixed_points(name, sigma_w, sigma_b)
    assert points
    for p in points:
        assert float(next_length(name, p.q, sigma_w, sigma_b)) == pytest.approx(p.q, rel=1e-12)
        up, down = (float(next_length(name, p.q * (1 + h), sigma_w, sigma_b)) for h in (1e-4, -1e-4))
        assert p.chi_q == pytest.approx((up - down) / (2e-4 * p.q), rel=1e-6, abs=1e-8)
    q = np.exp(np.linspace(np.log(1e-6), np.log(1e3), 4000))
    assert (np.diff(np.sign(next_length(name, q, sigma_w, sigma_b) - q)) != 0).sum() == len(
        [p for p in points if p.q < 1e3]
    )


def test_a_pair_next_to_its_double_root_is_found():
    """σ_w just below the value at which SiLU's pair of fixed points merges (χ_q = 1): both, and just above: none."""
    low, high = 1.7, 1.718
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if fixed_points("silu", middle, 0.2) else (low, middle)
    pair = fixed_points("silu", low - 1e-9, 0.2)
    assert len(pair) == 2
    assert pair[0].chi_q < 1 < pair[1].chi_q
    assert pair[1].q - pair[0].q < 1e-2
    assert fixed_points("silu", high + 1e-9, 0.2) == []


def test_relu_is_solved_exactly():
    (line,) = fixed_points("relu", 2**0.5, 0)
    assert "every q is a fixed point" in line.note
    assert (line.chi, line.chi_q, line.stable, line.xi_q) == (1.0, 1.0, True, np.inf)
    (point,) = fixed_points("relu", 1.0, 0.3)
    assert (point.q, point.chi) == pytest.approx((0.18, 0.5), rel=1e-14)
    assert fixed_points("relu", 2.0, 0.3) == []
    assert fixed_points("relu", 2**0.5, 0.3) == []
    (origin,) = fixed_points("relu", 2.0, 0.0)
    assert (origin.q, origin.stable) == (0.0, False)
    assert critical("relu", 0).sigma_w == pytest.approx(2**0.5, rel=1e-14)
    with pytest.raises(NoSolutionError, match="relu has no critical point"):
        critical("relu", 0.1)


def test_the_origin_without_bias():
    tanh = critical("tanh", 0.0)
    assert (tanh.sigma_w, tanh.q, tanh.stable) == (pytest.approx(1.0, abs=1e-14), 0.0, True)
    assert not critical("gelu", 0.0).stable  # F(q) > q next to 0: the length leaves
    below, above = fixed_points("tanh", 0.9), fixed_points("tanh", 1.001)
    assert [(p.q, p.stable) for p in below] == [(0.0, True)]
    assert [p.stable for p in above] == [False, True]
    # F(q) = σ_w² (q − 2q² + 17q³/3 − …)
    assert above[1].q == pytest.approx((1.001**2 - 1) / 2, rel=0.01)


def test_extreme_scales():
    assert [(p.q, p.chi, p.chi_q) for p in fixed_points("tanh", 0.0, 0.3)] == [(pytest.approx(0.09), 0.0, 0.0)]
    assert fixed_points("tanh", 0, 0)[0].q == 0
    (far,) = fixed_points("tanh", 1.5, 1e6)
    assert far.q == pytest.approx(1e12 + 2.25, rel=1e-14)
    (waves,) = fixed_points("sin", 1.5, 1e6)  # of all phases equally: E sin² = ½, and 1 − c = σ_w²/(2q)
    assert (waves.q, waves.chi) == (pytest.approx(1e12 + 1.125, rel=1e-15), pytest.approx(1.125, rel=1e-14))
    with pytest.raises(UnsupportedError, match="not all finite"):
        fixed_points("exp(x**2)", 1.0, 0.3)


@pytest.mark.parametrize("scales", [(-1.0, 0.0), (float("nan"), 0.0), (1.0, -0.1), (float("inf"), 0.0), ("1", 0.0)])
def test_bad_scales_are_refused(scales):
    with pytest.raises(InputError, match="0, or a finite number from 1e-60"):
        fixed_points("tanh", *scales)


@pytest.mark.slow
def test_length_limits_agree_with_iteration():
    assert length_limit("tanh", 0.5) == 0.0
    assert length_limit("relu", 1.5, 0.3) == np.inf
    assert length_limit("relu", 2**0.5) == pytest.approx(2.0)
    for name, sigma_w, sigma_b in (("tanh", 1.5, 0.3), ("gelu", 1.4, 0.3), ("selu", 1.0, 0.0)):
        q = sigma_w**2 + sigma_b**2
        for _ in range(400):
            q = float(next_length(name, q, sigma_w, sigma_b))
        assert length_limit(name, sigma_w, sigma_b) == pytest.approx(q, rel=1e-9)


def test_phases():
    assert phase(0.9) == "vanishing/ordered"
    assert phase(vg.fixed_points("tanh", 2.5, 0.3)[0]) == "exploding/chaotic"
    assert phase(critical("tanh", 0.2)) == "critical"
    assert phase(fixed_points("relu", 2**0.5)[0]) == "critical"
    with pytest.raises(InputError):
        phase(float("nan"))


@pytest.mark.parametrize("name", ["tanh", "relu", "silu", "siren", "sigmoid"])
def test_no_scales_lead_to_nan_or_an_endless_loop(name):
    for sigma_w, sigma_b in ((0.0, 0.5), (1e-6, 1e-6), (0.3, 30.0), (50.0, 0.1)):
        found = fixed_points(name, sigma_w, sigma_b)
        for p in found:
            assert np.isfinite([p.q, p.chi, p.chi_q, p.c]).all()
            assert not np.isnan([p.xi_q, p.xi_c]).any()
        if not found:
            assert length_limit(name, sigma_w, sigma_b) == np.inf


def test_siren_is_solved_by_the_series_alone():
    (point,) = [p for p in fixed_points("siren", 1.5, 0.1) if p.stable]
    assert point.q == pytest.approx(1.135, rel=1e-12)  # E sin² = 1/2 there
    # C(c) σ_w²-part: e^{−ω²q} sinh(ω² q c) is 0 to double precision at c*, so that c* = σ_b²/q
    assert point.c == pytest.approx(0.01 / 1.135, rel=1e-9)


@pytest.mark.parametrize(("act", "sigma_w", "sigma_b"), [("tanh", 4.0, 1.9), ("sigmoid", 20.0, 0.1), ("erf", 3.9, 1.5)])
def test_steep_activations_next_to_equal_inputs(act, sigma_w, sigma_b):
    """c* and χ_c where few Hermite coefficients do not suffice, against quadrature of (φ(u) − φ(v))²: D(c*) = 1."""
    point = [p for p in fixed_points(act, sigma_w, sigma_b) if p.stable][-1]
    distance, slope = correlation_table(vg.activation(act)).step(point.q, float(np.arccos(point.c)), sigma_w)
    assert distance == pytest.approx(1, abs=1e-9)
    assert -1 / np.log(slope) == pytest.approx(point.xi_c, rel=1e-8)


@pytest.mark.parametrize(("formula", "cut", "sigma_b"), [("Max(x-3/2,0)", 1.5, 0.5), ("Max(x-1,0)", 1.0, 0.5)])
def test_a_fixed_point_that_repels_on_one_side_is_not_stable(formula, cut, sigma_b):
    """Where φφ'' = 0, χ_q = χ = 1: the length map touches the diagonal there and is convex, so that it repels above."""
    point = vg.critical(formula, sigma_b=sigma_b)
    assert point.chi_q == pytest.approx(1, abs=1e-9)
    assert not point.stable
    z = np.linspace(0, 12, 200_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    def mapped(q):
        square = np.maximum(np.sqrt(q) * z - cut, 0) ** 2  # its negative half passes nothing
        return point.sigma_w**2 * np.trapezoid(square * density, z) + sigma_b**2

    assert mapped(point.q) == pytest.approx(point.q, rel=1e-8)
    assert mapped(1.1 * point.q) > 1.1001 * point.q  # away
    assert 0.9 * point.q < mapped(0.9 * point.q) < point.q  # back
