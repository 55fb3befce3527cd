"""Transformed activations attain what was asked for, by tables that the solver does not use; the published check."""

import numpy as np
import pytest

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.theory.asymptotics.mean_field import correlation_step


@pytest.mark.parametrize("name", thinned(["softplus", "silu", "tanh", "elu"], 4))
def test_deep_kernel_shaping_attains_its_four_conditions(name):
    found = vg.calculus.transform(name, 60)
    assert [found.maps[k] for k in ("Q(1)", "Q'(1)", "C'(1)")] == pytest.approx([1, 1, 1.5 ** (1 / 60)], abs=1e-9)
    assert abs(found.maps["C(0)"]) < 1e-18
    other = vg.calculus.transform(name, 60, target=1.53)
    assert abs(other.maps["C'(1)"] - 1.5 ** (1 / 60)) > 1e-4  # 2 % off would be seen


def test_the_published_softplus():
    """Martens et al. (2021), tests of their implementation: C'(1) = 1.0027709659 with C(0) = 0, Q(1) = Q'(1) = 1."""
    slope = 1.0027709659053323
    found = vg.calculus.transform("softplus", 1, target=slope)
    assert found.maps["C'(1)"] == pytest.approx(slope, abs=1e-10)
    assert np.sqrt(found.maps["C(0)"]) < 1e-9


@pytest.mark.parametrize("name", thinned(["softplus", "tanh", "gelu"], 3))
def test_tailored_smooth_activations(name):
    found = vg.calculus.transform(name, 50, method="tat")
    assert [found.maps[k] for k in ("Q(1)", "Q'(1)", "C'(1)")] == pytest.approx([1, 1, 1], abs=1e-9)
    assert found.maps["C''(1)"] == pytest.approx(0.3 / 50, rel=1e-7)
    d = vg.predict(vg.Network(found.activation, vg.Weights.gaussian(1.0), 10**6, 50))
    assert float(d.chi[0]) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("name", thinned(["softsign", "tanh", "softplus", "elu", "x/(1+x**2) + max(x,0)**2"], 2))
def test_curvature_is_attained_across_jumps_of_the_second_derivative(name):
    found = vg.calculus.transform(name, 10, method="tat")
    assert 10 * found.maps["C''(1)"] == pytest.approx(0.3, rel=1e-9)
    # From the correlation map itself: C(1 − d) = 1 − d + C''(1) d²/2 − …, where C'(1) = 1.
    d = 1e-3
    assert correlation_step(found.activation, 1.0, 1 - d, 1.0)[1] == pytest.approx(1 - 0.03 * d, abs=0.1 * 0.03 * d)


def test_the_tailored_rectifier_maps_correlation_0_to_the_target():
    found = vg.calculus.transform("leaky_relu", 40, method="tat")
    network = vg.Network(found.activation, vg.Weights.gaussian(1.0), 100, 41)  # c_1 is the input's
    correlation = vg.predict(network, inputs=vg.Inputs(correlation=0.0)).correlation
    assert float(correlation[-1, 0, 1]) == pytest.approx(0.9, abs=1e-10)


def test_what_cannot_be_had_is_refused():
    with pytest.raises(NoSolutionError, match="2 layers of ReLU"):
        vg.calculus.transform("leaky_relu", 2, method="tat")
    with pytest.raises(UnsupportedError, match="kinks"):
        vg.calculus.transform("hard_tanh", 9, method="tat")
    with pytest.raises(NoSolutionError, match="relu"):
        vg.calculus.transform("relu", 20)
    for wrong in ({"method": "x"}, {"target": 0.5}, {"target": float("nan")}):
        with pytest.raises(InputError):
            vg.calculus.transform("tanh", 20, **wrong)
    with pytest.raises(InputError, match="depth"):
        vg.calculus.transform("tanh", 0)
