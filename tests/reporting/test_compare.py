"""Verdicts: right predictions hold, wrong ones are violated, few samples leave it undecided; the rate is as stated."""

import numpy as np
import pytest
import xarray as xr
from scipy import special

import vgtheory as vg
from vgtheory._errors import InputError
from vgtheory.reporting.compare import compare

LAYERS = 12


def prediction(shift=0.0, factor=1.0):
    mean, std = np.linspace(-3, 0, LAYERS), np.linspace(1.0, 0.2, LAYERS)
    return xr.Dataset(
        {
            "log_gradient_norm": ("layer", mean + shift * std),
            "log_gradient_norm_std": ("layer", std * factor),
        },
        coords={"layer": np.arange(1, LAYERS + 1)},
        attrs={"spec": "{}"},
    )


def result(samples, seed=0, dead=0):
    """Random walks towards the first layer: strongly correlated between layers, as gradients are."""
    p = prediction()
    variance = p.log_gradient_norm_std.values**2
    steps = np.sqrt(np.diff(np.append(variance[::-1], np.nan), prepend=0)[:-1])
    walk = np.cumsum(np.random.default_rng(seed).standard_normal((samples, LAYERS)) * steps, axis=1)[:, ::-1]
    values = p.log_gradient_norm.values + walk
    values[:dead] = -np.inf
    return xr.Dataset(
        {"log_gradient_norm": (("sample", "layer"), values)}, coords={"layer": p.layer}, attrs={"spec": "{}"}
    )


def test_a_right_prediction_holds_and_the_z_scores_are_standard():
    c = compare(prediction(), result(20_000))
    assert c.attrs["verdict"] == "holds"
    assert (c.verdict == "holds").all()
    assert np.abs(c.t).max() < c.attrs["critical_t"]
    assert ((c.std_ratio_lower < 1) & (c.std_ratio_upper > 1)).all()
    assert "Bonferroni" in c.attrs["correction"]


@pytest.mark.parametrize(("shift", "factor"), [(0.2, 1.0), (-0.2, 1.0), (0.0, 1.25), (0.0, 0.8)])
def test_a_wrong_prediction_is_violated(shift, factor):
    assert compare(prediction(shift, factor), result(20_000)).attrs["verdict"] == "violated"


@pytest.mark.parametrize(("shift", "factor"), [(0.02, 1.0), (0.0, 1.02)])
def test_a_difference_within_the_tolerance_holds_but_is_seen_without_one(shift, factor):
    sample = result(60_000)
    assert compare(prediction(shift, factor), sample).attrs["verdict"] == "holds"
    assert compare(prediction(shift, factor), sample, tolerance=1e-4).attrs["verdict"] == "violated"


def test_few_samples_say_what_they_can_resolve_and_how_many_would_decide():
    c = compare(prediction(), result(64))
    assert c.attrs["verdict"] == "undecided"
    assert "nothing contradicts" in c.attrs["sentence"]
    assert 0.3 < c.attrs["resolution"] < 1
    assert 1500 < c.attrs["samples_needed"] < 4000
    assert compare(prediction(), result(64), tolerance=1.001 * c.attrs["resolution"]).attrs["verdict"] == "holds"


def test_the_samples_asked_for_decide_nine_times_in_ten():
    """40 right predictions, as many samples as were asked for: with a chance of 0.9, 28 or fewer has one of 3e-4."""
    needed = compare(prediction(), result(64)).attrs["samples_needed"]
    seen = [compare(prediction(), result(needed, seed)).attrs["verdict"] for seed in range(40)]
    assert seen.count("holds") > 28
    assert "violated" not in seen


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "factor"), [(0.1, 1.0), (0.0, 1 / 0.9)])
def test_a_prediction_at_the_edge_of_the_tolerance_is_rarely_said_to_hold(shift, factor):
    """Power twin of "holds": off by exactly the tolerance, it may be said to hold in 5 % of 200 cases and 4 errors."""
    wrong = [
        compare(prediction(shift, factor), result(1500, seed), false_alarm=0.05).attrs["verdict"] == "holds"
        for seed in range(200)
    ]
    assert np.mean(wrong) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)


def test_the_sentence_names_the_worst_layer():
    text = compare(prediction(-0.5), result(5000)).attrs["sentence"]
    assert "violated: 12 of 12 layers" in text
    assert "+0.52 predicted standard deviations" in text
    assert "holds within 0.1" in compare(prediction(), result(20_000)).attrs["sentence"]


@pytest.mark.slow
def test_false_alarms_are_no_more_frequent_than_stated():
    """400 right predictions at a stated rate of 5 %, tolerance next to zero: at most 5 % and 4 standard errors."""
    alarms = [
        compare(prediction(), result(400, seed), false_alarm=0.05, tolerance=1e-6).attrs["verdict"] == "violated"
        for seed in range(400)
    ]
    assert np.mean(alarms) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)


def test_dead_networks_are_counted_and_left_out():
    c = compare(prediction(), result(5000, dead=7))
    assert (c.attrs["dead"], c.attrs["samples"]) == (7, 4993)
    assert np.isfinite(c.t).all()


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(InputError, match="different networks"):
        compare(prediction().assign_attrs(spec="other"), result(50))
    with pytest.raises(InputError, match="different networks"):
        compare(prediction().isel(layer=slice(3)), result(50))
    with pytest.raises(InputError, match="quantity"):
        compare(prediction(), result(50), quantity="q")
    with pytest.raises(InputError, match="at least 8"):
        compare(prediction(), result(5))
    with pytest.raises(InputError, match="tolerance"):
        compare(prediction(), result(50), tolerance=2.0)
    with pytest.raises(InputError, match="prediction must be a Dataset"):
        compare(xr.Dataset(), result(50))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"), [("tanh", 1.5, 0.05), ("relu", 2**0.5, 0.0), ("selu", 1.0, 0.0)]
)
def test_predictions_hold_in_simulations(name, sigma_w, sigma_b):
    network = vg.Network(name, vg.Weights.gaussian(sigma_w, sigma_b), 128, 40)
    simulated = vg.simulate(network, 8000, seed=3)
    assert compare(vg.predict(network), simulated).attrs["verdict"] == "holds"
    assert compare(vg.predict(network), simulated, "log_weight_gradient_norm").attrs["verdict"] == "holds"


@pytest.mark.slow
def test_where_the_expansion_warns_it_is_violated_and_the_closure_holds():
    network = vg.Network("gelu", vg.Weights.gaussian(1.4, 0.3), 64, 60)
    simulated = vg.simulate(network, 16_000, seed=3)  # 6950 are needed, says the comparison
    assert compare(vg.predict(network, method="order 1/N"), simulated).attrs["verdict"] == "violated"
    predicted = vg.predict(network)
    assert predicted.attrs["method"] == "closure"
    assert compare(predicted, simulated).attrs["verdict"] == "holds"
    assert compare(predicted, simulated, "log_weight_gradient_norm").attrs["verdict"] == "holds"


def drawn(kind, samples, layers, rng):
    """Return logarithms that are sums over the layers above, of steps with mean 0 and variance 1."""
    if kind == "normal":
        steps = rng.standard_normal((samples, layers))
    elif kind == "skewed":  # ln χ² with one degree of freedom: skewness −1.5, excess kurtosis 4
        mean, variance = special.digamma(0.5) + np.log(2), np.pi**2 / 2
        steps = (np.log(rng.chisquare(1, (samples, layers))) - mean) / np.sqrt(variance)
    else:  # Student's t with 6 degrees of freedom: excess kurtosis 3
        steps = rng.standard_t(6, (samples, layers)) / np.sqrt(1.5)
    return np.cumsum(steps, axis=1)


def verdicts(kind, samples, layers, runs, shift=0.0, factor=1.0, **options):
    """Return how often a prediction is called violated that is right up to `shift` (in spreads) and `factor`."""
    rng = np.random.default_rng([samples, layers, 7])
    spread = np.sqrt(np.arange(1.0, layers + 1))
    predicted = xr.Dataset(
        {
            "log_gradient_norm": ("layer", shift * spread),
            "log_gradient_norm_std": ("layer", factor * spread),
        },
        coords={"layer": np.arange(1, layers + 1)},
    )
    called = 0
    for _ in range(runs):
        study = xr.Dataset({"log_gradient_norm": (("sample", "layer"), drawn(kind, samples, layers, rng))})
        called += compare(predicted, study, **options).attrs["verdict"] == "violated"
    return called


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "samples", "layers"),
    [
        ("normal", 8, 20),
        ("normal", 8, 1),
        ("normal", 32, 200),
        ("skewed", 64, 20),
        ("skewed", 64, 1),
        ("skewed", 8, 1),
        ("heavy", 32, 5),
    ],
)
def test_a_right_prediction_is_rarely_called_violated(kind, samples, layers):
    """At a false-alarm rate of 1 %, 300 runs: 3 expected at most; more than 11 has probability 1e-4."""
    assert verdicts(kind, samples, layers, 300) <= 11


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "samples", "layers"), [("normal", 8, 20), ("skewed", 64, 1), ("skewed", 200, 1)])
def test_a_right_prediction_is_rarely_called_violated_without_tolerance(kind, samples, layers):
    """The same where every deviation counts, 3000 runs: 30 expected at most; more than 52 has probability 1e-4."""
    assert verdicts(kind, samples, layers, 3000, tolerance=1e-9) <= 52


@pytest.mark.parametrize(
    ("samples", "shift", "factor"), [(64, 0.9, 1.0), (256, 0.5, 1.0), (256, 0.0, 0.6), (400, 0.0, 1.5)]
)
def test_a_wrong_prediction_is_called_violated(samples, shift, factor):
    """The power twin: in at least 9 of 10 cases, 40 runs; below 30 with a power of 0.9 has probability 2e-3."""
    assert verdicts("normal", samples, 20, 40, shift, factor) >= 30


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("study", "prediction", r"prediction must be a Dataset of vg\.predict .* in this order"),
        ("prediction", None, r"study must be a Dataset of vg\.simulate"),
        (None, "study", "prediction must be"),
        (3, "study", "prediction must be"),
        ("tanh", "study", "prediction must be"),
        ([3], None, "network must be a Network"),
        ([], None, "no networks"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, message):
    known = {"study": result(50), "prediction": prediction()}
    one, other = (known.get(value, value) if isinstance(value, str) else value for value in (first, second))
    with pytest.raises(InputError, match=message):
        compare(one, other)


def test_several_networks_are_compared_side_by_side():
    networks = [vg.Network(name, vg.Weights.he(), 16, 5) for name in ("tanh", "relu")]
    found = vg.compare(networks, samples=8)
    assert found.network.values.tolist() == ["tanh", "relu"]
    assert set(found.regime.values) <= {"vanishes", "explodes", "critical", "balanced", "dead", "undecided"}
    with pytest.raises(InputError, match="study must be left out"):
        vg.compare(networks, result(50))
