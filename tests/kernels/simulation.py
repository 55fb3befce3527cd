"""Comparing two samples of networks layer by layer: shared by the tests of the exact and of the dense kernel."""

import numpy as np
from scipy import stats

from tests.rows import ACTIVATIONS
from vgtheory.kernels.arguments import Activation, Layers, Norms


def activation(name):
    """Return a test's activation as kernels take it."""
    row, _, _, at_zero, at_infinity = ACTIVATIONS[name]
    return Activation(row, at_zero, at_infinity)


def layers(widths, sigma_w, sigma_b=0.0):
    """Return layers of these widths and equal scales."""
    depth = len(widths) - 1
    return Layers(np.array(widths), np.full(depth, float(sigma_w)), np.full(depth, float(sigma_b)))


def norms(samples, depth):
    """Return results to be filled."""
    return Norms(*(np.full((samples, depth), np.nan) for _ in range(3)))


def p_values(a, b, digits=9):
    """Return Kolmogorov–Smirnov p-values of every layer and of joint statistics, and Fisher's for the dead fraction.

    `a` and `b` map gradient, weight and q to arrays (samples, depth); dead networks (−inf) are counted apart.  Numbers
    that agree to so many digits are the same.
    """
    result = {}
    dead = [~np.isfinite(s["gradient"][:, 0]) for s in (a, b)]
    counts = [[d.sum(), (~d).sum()] for d in dead]
    if any(d.any() for d in dead):
        result["dead"] = stats.fisher_exact(counts).pvalue
    alive = [{name: values[~d] for name, values in s.items()} for s, d in zip((a, b), dead, strict=True)]
    depth = a["q"].shape[1]
    for name in ("gradient", "weight", "q"):
        for k in range(depth):
            result[name, k + 1] = _kolmogorov_smirnov(*(s[name][:, k] for s in alive), digits)
    middle = depth // 2
    joint = {
        "increment": lambda s: s["gradient"][:, 0] - s["gradient"][:, middle],
        "gradient and length": lambda s: s["gradient"][:, 0] + np.log(s["q"][:, -1]),
        "two lengths": lambda s: np.log(s["q"][:, 0]) - np.log(s["q"][:, -1]),
    }
    for name, statistic in joint.items():
        result[name] = _kolmogorov_smirnov(*(statistic(s) for s in alive), digits)
    return result


def _kolmogorov_smirnov(a, b, digits):
    # Rounded, as both may be the same constant up to the last bits (orthogonal weights: ‖h_1‖).
    return stats.ks_2samp(a.round(digits), b.round(digits), method="asymp").pvalue
