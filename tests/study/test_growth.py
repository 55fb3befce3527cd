"""The change of the gradient over all layers, against sums by hand; dead networks apart."""

import numpy as np
import pytest
import xarray as xr

from vgtheory.study.growth import growth_of
from vgtheory.study.summary import summarise, z_scores


def study(values):
    return xr.Dataset({"log_gradient_norm": (("sample", "layer"), np.array(values, dtype=float))})


def test_dead_networks_are_counted_apart():
    grown = growth_of(study([[3.0, 1.0], [5.0, 1.0], [-np.inf, 0.0]]))
    assert (grown.samples, grown.dead, grown.change, grown.rate) == (3, 1, 3.0, 3.0)
    assert grown.std == pytest.approx(2**0.5)
    assert grown.stderr == pytest.approx(1.0)
    assert (
        grown.half_width == grown.rate_half_width == pytest.approx(63.6567, rel=1e-5)
    )  # Student, one degree of freedom


@pytest.mark.filterwarnings("error")
def test_dead_networks_alone_have_no_change():
    grown = growth_of(study([[-np.inf, -np.inf], [-np.inf, 1.0]]))
    assert grown.dead == grown.samples == 2
    assert np.isnan([grown.change, grown.stderr, grown.std]).all()
    assert growth_of(study([[2.0], [3.0]])).rate == 0.0


@pytest.mark.filterwarnings("error")
def test_a_study_of_gradients_alone_has_a_summary_and_scores():
    values = np.array([[1.0, 2.0], [3.0, 6.0], [-np.inf, -np.inf], [-np.inf, 1.0]])
    seen = summarise(study(values))
    assert seen.log_gradient_norm_mean.values.tolist() == [2.0, 3.0]
    assert seen.log_gradient_norm_stderr.values == pytest.approx([1.0, 7**0.5 / 3**0.5])
    assert seen.dead.values.tolist() == [2, 1]
    assert set(summarise(study(values), quantiles=())) == {name for name in seen if "quantile" not in name}
    assert z_scores(study(values), np.array([1.0, np.nan])) == pytest.approx([1.0, np.nan], nan_ok=True)
