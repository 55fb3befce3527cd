"""Training steps without matrices: the law of networks that are drawn and trained in NumPy, and scaling with width."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import vgtheory as vg
from vgtheory.study.scaling_with_width import slope_against_width

NETWORK = vg.Network("tanh", vg.Weights.gaussian(1.3, 0.2), width=12, depth=3)
SAMPLES, WIDTH, STEPS, BATCH, FEATURES = 3000, 12, 4, 2, 3


def trained(rate, mup, seed):
    """Return statistics (sample, statistic) of networks whose matrices are drawn, trained by plain NumPy."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SAMPLES, BATCH, FEATURES))
    x *= FEATURES**0.5 / np.linalg.norm(x, axis=2, keepdims=True)
    shapes = [FEATURES, WIDTH, WIDTH]
    w = [rng.normal(0, 1.3 / n**0.5, (SAMPLES, WIDTH, n)) for n in shapes]
    b = [rng.normal(0, 0.2, (SAMPLES, 1, WIDTH)) for _ in shapes]
    v = rng.normal(0, 1 / WIDTH if mup else WIDTH**-0.5, (SAMPLES, 1, WIDTH))
    rates = [rate * WIDTH, rate, rate, rate / WIDTH] if mup else [rate] * 4
    found, first, start = [], None, list(w)
    for _ in range(STEPS + 1):
        a = [x]
        for matrix, bias in zip(w, b, strict=True):
            a.append(np.tanh(a[-1] @ matrix.transpose(0, 2, 1) + bias))
        found += [np.sqrt((h**2).mean(axis=(1, 2))) for h in a[1:]]
        f = a[-1] @ v.transpose(0, 2, 1)
        first = first or [*a[1:], f]
        found += [np.sqrt(((h - old) ** 2).mean(axis=(1, 2))) for h, old in zip(a[1:], first, strict=False)]
        found += [np.linalg.norm(m - old, axis=(1, 2)) for m, old in zip(w, start, strict=True)]
        found += [np.abs(f).mean(axis=(1, 2)), np.abs(f - first[-1]).mean(axis=(1, 2))]
        e = (f - np.array([1.0, -1.0])[None, :, None]) / BATCH
        g, change = e * v, []
        for layer in (2, 1, 0):
            delta = g * (1 - a[layer + 1] ** 2)
            found.append(np.log(np.linalg.norm(delta, axis=(1, 2))))
            change.append((layer, delta.transpose(0, 2, 1) @ a[layer]))
            g = delta @ w[layer]
        v = v - rates[3] * (e.transpose(0, 2, 1) @ a[-1])
        for layer, gradient in change:
            w[layer] = w[layer] - rates[layer] * gradient
    return np.array(found).T


def checked(rate, rule, seed=1):
    ds = vg.coordinate_check(NETWORK, [WIDTH], STEPS, rate, rule, BATCH, FEATURES, SAMPLES, seed).isel(width=0)
    rows = []
    for step in range(STEPS + 1):
        at = ds.sel(step=step)
        rows += [at.rms.values, at.feature_change.values, at.weight_change.values]
        rows += [at.output.values[:, None], at.output_change.values[:, None], at.log_gradient_norm.values[:, ::-1]]
    return np.hstack(rows)


def smallest_p(a, b):
    size = np.vstack([a, b]).std(0)
    a, b, size = (x[..., size > 0] for x in (a, b, size))  # before the first step nothing has changed
    forms = np.random.default_rng(1).normal(size=(a.shape[1], 20))
    a, b = (np.hstack([x / size, x / size @ forms]) for x in (a, b))
    return min(stats.ks_2samp(a[:, j], b[:, j]).pvalue for j in range(a.shape[1])) * a.shape[1]


# False alarms: 1e-3 for all statistics of a case together; seeds are fixed.
@pytest.mark.parametrize("rule", ["standard", "mup"])
def test_steps_have_the_law_of_networks_that_are_drawn_and_trained(rule):
    drawn = trained(0.1, rule == "mup", 7)
    assert smallest_p(checked(0.1, rule), drawn) > 1e-3
    # The power twin: a rate that is 15 % larger.
    assert smallest_p(checked(0.115, rule), drawn) < 1e-3


@pytest.mark.slow
def test_the_standard_rule_blows_up_with_the_width_and_mup_does_not():
    network = vg.Network("tanh", vg.Weights.gaussian(1.3), width=64, depth=3)
    widths = [128, 1024, 8192, 65536]
    standard = vg.coordinate_check(network, widths, 2, 0.02, samples=5)
    growth = standard.output.mean("sample").sel(step=2)
    assert (growth.diff("width") > 0).all()
    assert growth[-1] > 1e3 * growth[0]
    assert "the output change grows like N^" in standard.attrs["verdict"]
    low, high = standard.attrs["output_slope_interval"]
    assert 0.8 < low < standard.attrs["output_slope"] < high
    assert standard.attrs["gradient"].startswith("balanced before the first step")
    mup = vg.coordinate_check(network, widths, 4, 0.2, "mup", samples=5)
    # A separate program's mean |f| after 2 and 4 steps: .28 and .43 on other inputs; here flat within a tenth.
    after = mup.output.mean("sample").sel(step=4)
    assert abs(after / after[-1] - 1).max() < 0.1
    assert mup.attrs["verdict"].startswith("the same at all widths")
    assert abs(mup.attrs["feature_slope"]) < 0.05


@pytest.mark.slow
def test_65536_units_take_less_than_a_gibibyte():
    """In a process of its own: the peak of its memory, where one matrix would take 32 GiB."""
    code = (
        "import sys, vgtheory as vg\n"
        "network = vg.Network('tanh', vg.Weights.gaussian(1.3), width=64, depth=3)\n"
        "vg.coordinate_check(network, [int(sys.argv[1])], 4, 0.2, 'mup', samples=1)\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    # The first process compiles, which takes memory of its own.
    peaks = [subprocess.check_output([sys.executable, "-c", code, width], text=True) for width in ("8", "65536")]
    assert int(peaks[1]) < 2**20  # KiB


def test_slopes_have_intervals_that_hold_the_truth_and_tell_a_tenth_of_a_power():
    """Log-normal changes c·N^s, s = 0 and 0.1; 400 runs: 95 % intervals hold s in 91 to 98 % of them."""
    rng, widths = np.random.default_rng(8), [64, 256, 1024, 4096]
    for s in (0.0, 0.1):
        held = wrong = 0
        for _ in range(400):
            change = np.array(widths) ** s * np.exp(0.3 * rng.normal(size=(16, 4)))
            slope, error = slope_against_width(widths, change)
            held += abs(slope - s) < 1.96 * error
            wrong += abs(slope - s - 0.15) < 1.96 * error
        assert 0.91 < held / 400 < 0.99
        assert wrong / 400 < 0.2  # the twin: a slope that is wrong by 0.15 is told


def test_a_deep_saturated_network_says_that_its_gradient_vanishes_before_and_after_the_steps():
    network = vg.Network("sigmoid", vg.Weights.gaussian(1), width=64, depth=12)
    found = vg.coordinate_check(network, [32, 64, 128], 2, 0.1, samples=4)
    assert found.attrs["gradient"].count("vanishes") == 2


def test_samples_do_not_depend_on_how_many_there_are():
    few = vg.coordinate_check(NETWORK, [16], 2, 0.1, samples=2)
    many = vg.coordinate_check(NETWORK, [16, 20], 2, 0.1, samples=5)
    assert few.rms.equals(many.rms.sel(width=[16]).isel(sample=slice(2)))
    assert few.attrs["verdict"].startswith("undecided")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": []}, "widths must be"),
        ({"widths": [64, 64]}, "widths must be"),
        ({"widths": "64"}, "widths must be"),
        ({"steps": 0}, "steps must be"),
        ({"learning_rate": -1}, "learning_rate must be"),
        ({"learning_rate": "fast"}, "learning_rate must be"),
        ({"rule": "adam"}, "not of low rank"),
        ({"rule": "muon"}, "rule must be"),
        ({"network": vg.Network("tanh", vg.Weights.xavier(), 64, 3)}, "rotation-invariant"),
        ({"network": vg.Network("tanh", vg.Weights.lecun(), 64, 3, norm="layer")}, "layer norm"),
        ({"network": "tanh"}, "a Network"),
        ({"learning_rate": 1e200}, "float64"),
        ({"widths": [10**6], "steps": 1000, "batch": 64}, "an eighth of this machine's memory"),
    ],
)
def test_bad_input_is_named(options, message):
    given = {"network": NETWORK, "widths": [8], "steps": 2, "learning_rate": 0.1, **options}
    with pytest.raises(vg.VgtheoryError, match=message):
        vg.coordinate_check(**given)
