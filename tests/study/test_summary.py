"""Confidence intervals cover as often as they say, dead networks are counted apart, and rare draws are warned of."""

import warnings

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import vgtheory as vg
from vgtheory._errors import InputError, RareDrawsWarning
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.intervals import log_raw_moment, moments, proportion_interval, quantile_interval, variance_interval
from vgtheory.study.simulate import simulate
from vgtheory.study.summary import summarise
from vgtheory.theory.asymptotics.prediction import predict

STUDIES = 1000
# 95 % of 1000 intervals: below 931 or above 967 with probability 1 % for one statistic whose intervals are exact.
COVERED = range(931, 968)


def covering(found, truth):
    """The number of studies whose interval holds the truth; `found` has the studies as columns."""
    return int(np.sum((found.low <= truth) & (truth <= found.high)))


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "width", "size"), [("relu", 8, 40), ("leaky_relu", 64, 64)])
def test_intervals_of_a_thousand_studies_cover_950_times(activation, width, size):
    network = Network(activation, Weights.he(), width=width, depth=6)
    whole = simulate(network, STUDIES * size, seed=3)
    law = predict(network).isel(layer=0)
    assert law.attrs["method"] == "exact law"
    mean, variance = float(law.log_gradient_norm), float(law.log_gradient_norm_std) ** 2
    truth = np.quantile(simulate(network, 400_000, seed=4).log_gradient_norm.values[:, 0], [0.1, 0.5])
    hits = dict.fromkeys(("mean", "variance", "0.1", "0.5", "wrong mean"), 0)
    for k in range(STUDIES):
        part = whole.isel(sample=slice(k * size, (k + 1) * size))
        found = summarise(part, quantiles=(0.1, 0.5)).isel(layer=0)
        for name, value in (("mean", mean), ("variance", variance)):
            low, high = (float(found[f"log_gradient_norm_{name}_{end}"]) for end in ("low", "high"))
            hits[name] += low <= value <= high
            if name == "mean":
                hits["wrong mean"] += low <= value + np.sqrt(variance / size) <= high
        for j, name in enumerate(("0.1", "0.5")):
            low, high = (float(found[f"log_gradient_norm_quantile_{end}"][j]) for end in ("low", "high"))
            hits[name] += low <= truth[j] <= high
    wrong = hits.pop("wrong mean")
    assert {name: count for name, count in hits.items() if count not in COVERED} == {}
    assert wrong not in COVERED


# Shapes like those of log-norms (narrow networks have the log of few squares), skewed ones and heavy-tailed ones.
LAWS = {
    "normal": stats.norm(),
    "log chi": stats.loggamma(4),
    "log chi of one": stats.loggamma(0.5),
    "exponential": stats.expon(),
    "log-normal": stats.lognorm(0.5),
    "logistic": stats.logistic(),
    "student": stats.t(5),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LAWS))
@pytest.mark.parametrize("size", [32, 64, 256])
def test_intervals_of_columns_cover_950_times(name, size):
    law = LAWS[name]
    values = law.rvs(size=(size, 10 * STUDIES), random_state=np.random.default_rng(1))
    for p in (0.2, 0.5, 0.8):
        share = covering(quantile_interval(values, p, 0.95), law.ppf(p)) / 10
        # 10 times as many studies: 950 ± 4 standard errors of 2.2 and what interpolation costs
        assert 937 < share < 963
    # Within the same limits as 1000 studies, and 2 standard errors more.
    found = variance_interval(values, 0.95)
    assert 927 <= covering(found, law.var()) / 10 <= 971
    # A variance wrong by three half widths is noticed.
    assert covering(found, law.var() * np.exp(3 * np.median(np.log(found.high / found.low) / 2))) / 10 < 500


def test_intervals_of_variances_cannot_know_of_draws_that_no_sample_holds():
    """As the documentation says: the variance of a log-normal law with σ = 1 is carried by rare draws."""
    law = stats.lognorm(1.0)
    for size, least, most in ((32, 0.85, 0.91), (256, 0.90, 0.94)):
        values = law.rvs(size=(size, 4000), random_state=np.random.default_rng(2))
        assert least < covering(variance_interval(values, 0.95), law.var()) / 4000 < most


def test_intervals_of_variances_leave_out_dead_networks():
    values = np.random.default_rng(3).standard_normal((40, 3))
    with_dead = np.vstack([values, np.full((7, 3), -np.inf)])
    for part in ("value", "low", "high"):
        whole, living = (getattr(variance_interval(v, 0.9), part) for v in (with_dead, values))
        assert_allclose(whole, living, rtol=1e-12)


def test_quantile_interval_is_the_binomial_one_between_order_summarise():
    values = np.arange(1.0, 101.0)[:, None]
    found = quantile_interval(values, 0.5, 0.95)
    assert found.value == 50
    # X_(40) and X_(61): 96.5 %, X_(41) and X_(60): 94.3 % of the binomial law (David & Nagaraja 2003, section 7.1).
    assert 40 < found.low[0] < 41
    assert 60 < found.high[0] < 61
    assert np.isneginf(quantile_interval(values[:5], 0.05, 0.95).low)


def test_dead_networks_are_counted_apart():
    network = Network("relu", Weights.he(), width=2, depth=8)
    study = simulate(network, 400)
    found = summarise(study)
    dead = np.isneginf(study.log_gradient_norm.values)
    assert 0 < dead[:, 0].sum() < 400
    assert_array_equal(found.dead, dead.sum(axis=0))
    living = study.log_gradient_norm.values[~dead[:, 0], 0]
    assert_allclose(found.log_gradient_norm_mean[0], living.mean(), rtol=1e-12)
    assert_allclose(found.log_gradient_norm_variance[0], living.var(ddof=1), rtol=1e-12)
    assert np.isneginf(found.log_gradient_norm_quantile.sel(quantile=0.05)[0])
    share = found.dead_share.values
    assert (found.dead_share_low < share).all()
    assert (share < found.dead_share_high).all()


def test_a_layer_of_dead_networks_has_no_mean():
    values = np.full((5, 2), -np.inf)
    values[:, 1] = [1.0, 2.0, 3.0, 4.0, -np.inf]
    mean, variance, count = moments(values)
    assert np.isnan(mean[0])
    assert (mean[1], variance[1], count[1]) == (2.5, pytest.approx(5 / 3), 4)


def test_proportions_have_clopper_and_pearsons_interval():
    found = proportion_interval(np.array([0, 3, 10]), 10, 0.95)
    # Clopper & Pearson (1934): 0 of 10 ends at 1 − 0.025^(1/10).
    assert_allclose(found.high[0], 1 - 0.025**0.1)
    assert found.low[0] == 0
    assert found.high[2] == 1
    assert_allclose([found.low[1], found.high[1]], [0.0667395, 0.6524529], atol=1e-6)


def test_equal_samples_have_no_spread():
    found = variance_interval(np.ones((50, 1)), 0.95)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_raw_moments_stay_in_logarithms_and_have_an_effective_sample_size():
    rng = np.random.default_rng(2)
    values = rng.normal(3000.0, 0.3, (50_000, 1))
    moment, size = log_raw_moment(values, 2.0)
    assert_allclose(moment, 6000 + 2 * 0.3**2, atol=0.02)
    assert 10_000 < size[0] < 50_000
    values[:25_000] = -np.inf
    assert_allclose(log_raw_moment(values, 2.0)[0], 6000 + 2 * 0.3**2 - np.log(2), atol=0.03)


def test_a_raw_moment_that_rare_draws_dominate_is_warned_of():
    deep = simulate(Network("leaky_relu", Weights.he(), width=16, depth=200), 500)
    with pytest.warns(RareDrawsWarning, match=r"rare draws dominate.*log_q_mean"):
        found = summarise(deep, raw_moments=[2])
    assert float(found.log_gradient_norm_effective_sample_size.min()) < 30
    shallow = simulate(Network("leaky_relu", Weights.he(), width=256, depth=3), 2000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summarise(shallow, raw_moments=[1, 2])
    # Mean squared gradient: exactly the product of χ (1 + α²)/2·σ_w² over the layers above, times E φ'² at the last.
    gain = (1 + 0.01**2) / 2
    expected = np.log(gain * (2 * gain) ** 2)
    assert_allclose(found.log_gradient_norm_log_raw_moment.sel(moment=2)[0], expected, atol=0.02)


def test_the_sample_cannot_hide_the_rare_draws_it_has_not_met():
    # Standard deviation 4: E e^{2v} sits at v = 32, eight standard deviations out.
    values = np.random.default_rng(5).normal(0, 4, (1000, 1))
    assert log_raw_moment(values, 2.0)[1][0] < 1e-6


def test_the_result_is_labelled_and_survives_a_file(tmp_path):
    study = simulate(Network("tanh", Weights.gaussian(1.5, 0.1), width=16, depth=4), 50)
    found = summarise(study, level=0.9, raw_moments=[1])
    assert found.attrs["samples"] == 50
    assert found.attrs["level"] == 0.9
    assert found.attrs["spec"] == study.attrs["spec"]
    assert all({"long_name", "units"} <= set(v.attrs) for v in found.data_vars.values())
    found.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as back:
        assert back.equals(found)


@pytest.mark.parametrize(
    "options",
    [
        {"level": 1},
        {"level": "x"},
        {"quantiles": [1.1]},
        {"quantiles": [0.5, 0.5]},
        {"quantiles": "0.5"},
        {"quantiles": 0.5},
        {"raw_moments": {}},
        {"raw_moments": [0]},
        {"raw_moments": [np.nan]},
    ],
)
def test_bad_requests_are_named(options):
    study = simulate(Network("tanh", Weights.gaussian(1), width=4, depth=2), 4)
    with pytest.raises(InputError, match=next(iter(options))):
        summarise(study, **options)
    with pytest.raises(InputError, match="study"):
        summarise(study.log_gradient_norm)


@pytest.mark.parametrize("study", [None, 3, "tanh", [1], {}, np.eye(2), xr.Dataset(), xr.Dataset({"q": ("x", [1.0])})])
def test_what_is_no_study_is_refused(study):
    with pytest.raises(InputError, match=r"^study must be what vg\.simulate returned"):
        summarise(study)


@pytest.mark.parametrize("value", [None, "x", [], {}, np.nan, 2])
def test_levels_that_are_none_are_refused(value):
    study = simulate(Network("tanh", Weights.gaussian(1), width=4, depth=2), 4)
    with pytest.raises(InputError, match=r"^level must be"):
        summarise(study, level=value)
    if value != [] and value != {}:
        with pytest.raises(InputError, match=r"^quantiles"):
            summarise(study, quantiles=value)


def test_a_study_of_several_networks_inputs_and_outputs_keeps_its_dimensions():
    made = [Network(name, Weights.gaussian(1.2), width=8, depth=3) for name in ("tanh", "erf")]
    found = summarise(simulate(made, 40, inputs=2, outputs=3))
    assert found.log_gradient_norm_mean.dims == ("network", "layer", "input", "output")
    assert found.log_q_quantile.dims == ("network", "layer", "input", "quantile")
    alone = summarise(simulate(made[1], 40, inputs=2, outputs=3))
    assert_array_equal(found.log_gradient_norm_mean_low.values[1], alone.log_gradient_norm_mean_low.values)
    assert_array_equal(found.log_q_variance_high.values[1], alone.log_q_variance_high.values)


def test_a_study_of_blocks_is_summarised_by_stream_and_as_a_whole():
    network = vg.Network(vg.blocks.lstm(Weights.gaussian(1)), 8, 6)
    study = simulate(network, 40, seed=2)
    found = summarise(study)
    assert found.log_stream_gradient_norm_mean.dims == ("layer", "stream")
    inner = slice(0, 6)  # the loss reaches h alone in the last layer
    streams = study.log_stream_gradient_norm.isel(layer=inner)
    assert_allclose(found.log_stream_gradient_norm_mean.isel(layer=inner), streams.mean("sample"), rtol=1e-12)
    whole = np.log(np.hypot(*np.exp(study.log_stream_gradient_norm.transpose("stream", ...).values)))
    assert_allclose(found.log_gradient_norm_mean, whole.mean(axis=0), rtol=1e-9, atol=1e-12)
    assert_allclose(found.log_stream_square_mean[1:], np.log(study.stream_square[:, 1:]).mean("sample"), rtol=1e-12)
    assert not found.dead.any()


def test_the_variance_of_a_rare_draw_among_five_is_bounded_by_no_double():
    estimate = variance_interval(np.array([[0.0], [1e-9], [0.0], [1.0], [-1e-9]]), 0.99)
    assert estimate.high[0] == np.inf
    assert 0 <= estimate.low[0] < 0.2
