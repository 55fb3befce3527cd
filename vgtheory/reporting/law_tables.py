"""What a law and a sampled ensemble say, as rows of words and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from vgtheory._errors import UnsupportedError
from vgtheory.random_matrices.ensembles.goodness import independent_ks, ks_distance
from vgtheory.random_matrices.laws.transforms import transforms
from vgtheory.random_matrices.spacings.mean_ratios import mean_ratio
from vgtheory.random_matrices.spacings.ratios import ratio_test

_SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def law_rows(law: Any) -> tuple[tuple[str, str], ...]:
    """Return (quantity, value) of a law: support, atoms, moments, quantiles, transforms."""
    lo, hi = law.support()
    named = "radius" if law.is_planar else "support"
    rows = [(named, f"{lo:.10g} to {hi:.10g}"), ("mean", _number(law.mean())), ("variance", _number(law.var()))]
    if len(law.bands) > 1:
        rows += [("band", f"{low:.10g} to {high:.10g}") for low, high in law.bands]
    rows += [("atom", f"{mass:.10g} at {place:.10g}") for place, mass in law.atoms]
    rows += [(f"quantile {share:g}", f"{float(law.ppf(share)):.10g}") for share in _SHARES]
    try:
        rows += [(f.name, f"{f.lhs} = {f.expr}") for f in transforms(law)]
    except UnsupportedError:  # no transform is known in closed form: there are no rows to add
        return tuple(rows)
    return tuple(rows)


def _number(value: complex) -> str:
    return f"{complex(value):.10g}" if complex(value).imag else f"{complex(value).real:.10g}"


def ensemble_rows(values: np.ndarray, ensemble: Any) -> tuple[tuple[str, str], ...]:
    """Return (quantity, value) of sampled spectra, shape (samples, N): extremes, distance to the law, spacings."""
    points = np.array([ensemble.measured(v) for v in values])
    rows = [
        ("spectra", f"{len(values)} of {values.shape[1]} eigenvalues"),
        ("smallest, largest", f"{points.min():.6g}, {points.max():.6g}"),
        ("distance of the mean spectrum to the limit law", f"{ks_distance(points, ensemble.limit()):.3g}"),
        ("the same of as many independent values", f"{independent_ks(points.size):.3g}"),
    ]
    exact = ensemble.one_point()
    if exact is not None:
        rows.insert(
            -1, ("distance of the mean spectrum to the exact law at this size", f"{ks_distance(points, exact):.3g}")
        )
    outliers = getattr(ensemble, "outliers", None)
    if outliers is not None:
        rows.append(("predicted outliers", ", ".join(f"{v:.6g}" for v in outliers()) or "none"))
    if len(values) >= 2 and values.shape[1] >= 10 and not np.iscomplexobj(values):
        found = ratio_test(values, 0)
        listed = ", ".join(f"{mean_ratio(beta):.4f} (β = {beta})" for beta in (0, 1, 2, 4))
        rows.append(("mean spacing ratio", f"{found.mean:.4f} ± {found.error:.4f}; expected {listed}"))
    return tuple(rows)
