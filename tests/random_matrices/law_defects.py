"""What is wrong with a law of singular values: the same questions for every activation, ensemble, depth and q."""

import numpy as np

import vgtheory as vg
from vgtheory.spectra.jacobian import one_law
from vgtheory.spectra.slope_law import slope_law
from vgtheory.spectra.spectrum import Spectrum

# A slope that is zero almost everywhere has no law: J = 0.
NAMES = tuple(name for name in vg.catalogue if name != "step")
DEPTHS = (1, 2, 3, 10, 100, 1000, 10_000)
VARIANCES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
_P = np.concatenate([[1e-12, 1e-6, 1e-4], np.linspace(0.01, 0.99, 9), 1 - np.array([1e-4, 1e-6, 1e-9])])


def critical_law(name, q, ensemble, depth):
    """Return the spectrum of layers of variance q, scaled to χ = 1."""
    act = vg.activation(name)
    return Spectrum(one_law(act, q, depth, ensemble, -slope_law(act, q).log_mean), (q,), "asymptotic", ())


def defects(law):
    """Return what does not hold of: finite density, cdf rising from the atom at zero to 1, edges, quantiles."""
    zero = sum(mass for place, mass in law.atoms_log if place == -np.inf)
    places = [place for place, _ in law.atoms_log if np.isfinite(place)]
    low, high = law.support_log()
    if not low <= high:
        return [f"edges {low}, {high}"]
    p = zero + (1 - zero) * _P
    y = law.ppf_log(p)
    if np.isnan(y).any():
        return ["a quantile is nan"]
    y, p = y[np.isfinite(y)], p[np.isfinite(y)]
    found = [] if (np.diff(y) >= -1e-9 * np.abs(y).max(initial=1)).all() else ["quantiles fall"]
    # Between the probabilities on either side of y: at an atom, or where φ'² is constant to rounding, the cdf jumps.
    # Not in tails of 1e-6, where probabilities are known to 1e-12 only.
    y, p = y[np.abs(p - 0.5) < 0.4999], p[np.abs(p - 0.5) < 0.4999]
    step = 1e-9 * np.maximum(1.0, np.abs(y))
    if not ((law.cdf_log(y - step) <= p + 1e-7) & (law.cdf_log(y + step) >= p - 1e-7)).all():
        found.append("cdf(ppf) is not the identity")
    if high == low:
        return found
    bottom = max(low, y.min(initial=high))
    grid = np.concatenate([np.linspace(bottom, high, 16)[1:-1], high - (high - bottom) * np.geomspace(1e-9, 1e-2, 4)])
    grid = np.sort([v for v in grid if all(abs(v - place) > 1e-9 * max(1, abs(place)) for place in places)])
    density, cdf = law.pdf_log(grid), law.cdf_log(grid)
    if not (np.isfinite(density).all() and (density >= 0).all()):
        found.append("density")
    if not (np.diff(cdf) >= -1e-10).all() or not ((cdf >= zero - 1e-12) & (cdf <= 1 + 1e-12)).all():
        found.append("cdf")
    if abs(law.cdf_log(high + 1e-3 * max(1, abs(high))) - 1) > 1e-12:
        found.append("cdf above the top edge")
    if np.isfinite(low) and abs(law.cdf_log(low - 1e-3 * max(1, abs(low))) - zero) > 1e-11:
        found.append("cdf below the lowest edge")
    return found
