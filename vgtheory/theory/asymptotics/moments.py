"""Gaussian moments of an activation and of its slope as functions of t = ln q, in dimensionless form.

Mean field and the 1/N terms need the same ten moments at up to 10⁵ layers.  They are analytic in ln q, so they are
computed once per activation on Chebyshev panels in ln q (built where asked, checked against the quadrature, kept in the
user's cache once all are) and then only interpolated; σ_w and σ_b enter afterwards, so one table serves every network
with that activation.
"""

from bisect import bisect_right
from functools import lru_cache
from math import isnan
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.polynomial import chebyshev

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.codegen.evaluate import Evaluator, evaluator
from vgtheory.kernels.quadrature import Array, Functions
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation as to_activation
from vgtheory.symbolic.integrability import finite_mean, why_infinite
from vgtheory.theory.asymptotics.moment_store import Panel, load_panels, save_panels
from vgtheory.theory.asymptotics.unit_means import UnitMeans, fixed_moments

# Beyond these ends φ is its own asymptote to 1e-14 (corrections are of relative size e^{−32} or their powers), so the
# moments continue as powers of q.
LOW, HIGH = -64.0, 64.0
_SEGMENTS = (LOW, -32.0, -16.0, -8.0, *map(float, range(-4, 13)), 16.0, 24.0, 32.0, 48.0, HIGH)
_DEGREE = 19
_TOLERANCE = 1e-13
_AT_ONCE = 2048  # points that are interpolated at once: 1.6 kB each
_NOISE = 1e-10
_TINY = 1e-300  # keeps the logarithm of a moment that underflows finite


class Moments(NamedTuple):
    """Moments at h = √q z, z ~ N(0, 1); every field is an array over ln q.

    A moment that the formula says is infinite is inf.  Where E φ'² is 0 or infinite, what is relative to it is nan.
    """

    log_square: Array  #: ln E φ²
    elasticity: Array  #: d ln E φ² / d ln q = E[φ² He₂]/(2 E φ²)
    curvature: Array  #: q² (E φ²)''/E φ² = E[φ² He₄]/(4 E φ²)
    fourth: Array  #: E φ⁴/(E φ²)²
    log_slope_square: Array  #: ln E φ'²
    slope_elasticity: Array  #: d ln E φ'² / d ln q
    slope_curvature: Array  #: q² (E φ'²)''/E φ'²
    slope_fourth: Array  #: K = E φ'⁴/(E φ'²)²
    slope_sixth: Array  #: E φ'⁶/(E φ'²)³
    cross: Array  #: E φ²φ'²/(E φ² E φ'²)


_RATIOS = [3, 7, 8, 9]  # positive and of any size: interpolated as logarithms
_COEFFICIENTS = (_DEGREE + 1, len(Moments._fields))  # of a panel
_UNKNOWN = np.full(_COEFFICIENTS, np.nan)
_HERMITE = np.array([0, 2, 4, 0, 0, 2, 4, 0, 0, 0])


def thinned(m: Moments, keep: float) -> Moments:
    """Return the moments of Dφ(h) and Dφ'(h), D = 1/keep with probability `keep`, else 0: E Dʲ = keep^{1−j}."""
    if keep == 1:
        return m
    return m._replace(
        log_square=m.log_square - np.log(keep),
        fourth=m.fourth / keep,
        log_slope_square=m.log_slope_square - np.log(keep),
        slope_fourth=m.slope_fourth / keep,
        slope_sixth=m.slope_sixth / keep**2,
        cross=m.cross / keep,
    )


class MomentTable:
    """The moments of one activation; make it with :func:`moment_table`, which keeps one per activation."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self._evaluate = evaluator(activation)
        self._sizes = _sizes(self._evaluate)
        self._means = UnitMeans(activation, self._products)
        self.grid = self._means.grid
        self._fixed = fixed_moments(activation)
        self._hold(load_panels(activation, _COEFFICIENTS))

    def values(self, h: Array) -> Array:
        """Return φ(h) and φ'(h), stacked on a new first axis; an unbounded slope is 0 at the point itself."""
        value, slope = self._evaluate.both(h)
        for point in self._means.rough:
            slope[np.equal(h, point.at) & np.isinf(slope)] = 0.0
        return np.stack([value, slope])

    def direct(self, log_q: Array) -> Moments:
        """Return the moments by quadrature, not from the table.

        Raises UnsupportedError where φ oscillates too often to be integrated; infinite means come back as inf or nan.
        """
        self._need_lengths()
        raw = self._means.at(np.exp(log_q), _HERMITE, periodic=True)
        with np.errstate(all="ignore"):
            m, g = np.maximum(raw[0], _TINY), np.maximum(raw[4], _TINY)
            found = np.stack(
                [
                    np.log(m) + 2 * np.log(self._sizes[0]),
                    raw[1] / (2 * m),
                    raw[2] / (4 * m),
                    raw[3] / m / m,
                    np.log(g) + 2 * np.log(self._sizes[1]),
                    raw[5] / (2 * g),
                    raw[6] / (4 * g),
                    raw[7] / g / g,
                    raw[8] / g / g / g,
                    raw[9] / m / g,
                ]
            )
        for row, value in self._fixed.items():
            found[row] = value
        return Moments(*found)

    def _need_lengths(self) -> None:
        reason = why_infinite(self.activation, 0, 2)
        if reason:
            raise UnsupportedError(
                f"lengths under {self.activation.name}: E φ² is infinite at every q, as {reason}; use an activation "
                "that is bounded there"
            )

    def at(self, log_q: Array) -> Moments:
        """Return the moments at ln q, shape (m,), interpolated to about 1e-13.

        Raises UnsupportedError where E φ² or E φ'² is not finite or cannot be computed.
        """
        t = np.atleast_1d(np.asarray(log_q, dtype=float))
        inside = np.clip(t, LOW, HIGH)
        out = np.empty((len(Moments._fields), len(t)))
        for start in range(0, len(t), _AT_ONCE):
            out[:, start : start + _AT_ONCE] = self._interpolated(inside[start : start + _AT_ONCE])
        out[_RATIOS] = np.exp(out[_RATIOS])
        for row, value in self._fixed.items():
            out[row] = value
        found = Moments(*out)
        outside = t - inside
        if not outside.any():
            return found
        slope_elasticity = np.nan_to_num(found.slope_elasticity)
        return found._replace(
            log_square=found.log_square + found.elasticity * outside,
            log_slope_square=found.log_slope_square + slope_elasticity * outside,
        )

    def _interpolated(self, t: Array) -> Array:
        """Return what the panels say, shape (k, m)."""
        while True:  # build the panels that are not there yet
            starts, ends, rows = self._stacked
            number = np.searchsorted(starts, t, side="right") - 1
            missing = (t >= ends[number]) & ((t < HIGH) | (ends[number] < HIGH))
            if not missing.any():
                break
            self._panel(float(t[missing].min()))
        lo, hi, rows = starts[number], ends[number], rows[number]
        if np.isnan(rows[:, 0, 0]).any():
            raise self._unknown(float(lo[np.isnan(rows[:, 0, 0])].min()))
        powers = chebyshev.chebvander((2 * t - lo - hi) / (hi - lo), _DEGREE)
        return np.asarray((powers[:, None] @ rows)[:, 0].T)

    def log_square(self, log_q: float) -> float:
        """Return ln E φ² at one ln q, fast: the step of the length recursion."""
        t = min(max(log_q, LOW), HIGH)
        lo, hi, coefficients = self._panel(t)
        x = (2 * t - lo - hi) / (hi - lo)
        value = _clenshaw(coefficients[:, 0].tolist(), x)
        if isnan(value):
            raise self._unknown(lo)
        return value if t == log_q else value + _clenshaw(coefficients[:, 1].tolist(), x) * (log_q - t)

    def highest(self, lowest: float = LOW) -> float:
        """Return the ln q up to HIGH to which, from `lowest`, every moment is finite and computable."""
        known = len(self._panels)
        for start in _SEGMENTS[:-1]:
            self._panel(start, save=False)
        if len(self._panels) > known:
            save_panels(self.activation, self._panels)
        failing = (max(lo, lowest) for lo, hi, found in self._panels if np.isnan(found).any() and hi > lowest)
        return next(failing, HIGH)

    def _unknown(self, lo: float) -> UnsupportedError:
        return UnsupportedError(
            f"the moments of {self.activation.name} (E φ² to E φ'⁶) {_why_not(self.activation)} at "
            f"q = {np.exp(lo):.6g} and above; use smaller sigma_w or sigma_b, or vg.simulate"
        )

    def _hold(self, panels: list[Panel]) -> None:
        self._panels = sorted(panels, key=itemgetter(0))
        # Starts, ends, coefficients; before the first panel nothing is known.
        nowhere = (-np.inf, -np.inf, _UNKNOWN)
        starts, ends, rows = zip(nowhere, *self._panels, strict=True)
        self._stacked = np.array(starts), np.array(ends), np.stack(rows)

    def _panel(self, t: float, save: bool = True) -> Panel:
        k = bisect_right(self._panels, t, key=itemgetter(0)) - 1
        if k < 0 or t > self._panels[k][1] or (t == self._panels[k][1] and t < HIGH):
            s = min(bisect_right(_SEGMENTS, t), len(_SEGMENTS) - 1)
            self._hold([*self._panels, *self._build(_SEGMENTS[s - 1], _SEGMENTS[s])])
            k = bisect_right(self._panels, t, key=itemgetter(0)) - 1
            if save:
                save_panels(self.activation, self._panels)
        return self._panels[k]

    def _build(self, lo: float, hi: float, parent: float = np.inf) -> list[Panel]:
        nodes = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
        checks = np.array([-0.97, -0.71, -0.05, 0.44, 0.93])
        x = np.concatenate([nodes, checks])
        try:
            y = _logarithms(np.stack(self.direct((lo + hi) / 2 + (hi - lo) / 2 * x)))
        except UnsupportedError:
            self._need_lengths()
            y = np.full((len(Moments._fields), len(x)), np.nan)
        y[list(self._fixed)] = 0.0
        # φ has its own scale at q ~ 1; far below, only rounding can look rough.
        narrow = hi - lo <= (1.0 if hi <= -8.0 else 1 / 32)
        if np.isfinite(y).all():
            coefficients = chebyshev.chebvander(nodes, _DEGREE).T @ y[:, : len(nodes)].T * (2 / (_DEGREE + 1))
            coefficients[0] /= 2
            truth = y[:, len(nodes) :]
            error = float(np.max(np.abs(chebyshev.chebval(checks, coefficients) - truth) / (1 + np.abs(truth))))
            # An error that halving the panel does not lower is rounding in φ itself.
            if narrow or error <= _TOLERANCE or (error < _NOISE and error > parent / 4):
                return [(lo, hi, coefficients)]
        elif narrow or not np.isfinite(y).all(axis=0).any():
            return [(lo, hi, _UNKNOWN)]
        else:
            error = np.inf
        middle = (lo + hi) / 2
        return self._build(lo, middle, error) + self._build(middle, hi, error)

    def _products(self, evaluate: Evaluator, at: float) -> Functions:
        """Return the products whose means are asked for, of φ and φ' over their sizes, so that none underflows."""
        del at
        size, slope_size = self._sizes

        def products(h: Array) -> Array:
            value, slope = evaluate.both(h)
            value, slope = value / size, slope / slope_size
            f, p = value * value, slope * slope
            return np.stack([f, f, f, f * f, p, p, p, p * p, p * p * p, f * p])

        return products


def _sizes(evaluate: Evaluator) -> tuple[float, float]:
    """Return powers of two near the sizes of φ and φ' where pre-activations usually are; 1 for one that is 0."""
    h = np.array([-4.0, -1.0, -0.25, 0.25, 1.0, 4.0])

    def size(values: Array) -> float:
        largest = float(np.max(np.abs(values), where=np.isfinite(values), initial=0.0))
        return float(2.0 ** np.floor(np.log2(largest))) if largest > 0 else 1.0

    return size(evaluate.value(h)), size(evaluate.slope(h))


class HomogeneousTable(MomentTable):
    """φ(t x) = t^k φ(x): the moments are powers of q, at any q, however large or small."""

    def __init__(self, activation: Activation, degree: float) -> None:
        super().__init__(activation)
        self._degree = degree
        self._one = np.concatenate(self.direct(np.zeros(1)))

    def at(self, log_q: Array) -> Moments:  # noqa: D102 - as in the parent
        t = np.atleast_1d(np.asarray(log_q, dtype=float))
        out = Moments(*np.repeat(self._one[:, None], len(t), axis=1))
        return out._replace(
            log_square=out.log_square + self._degree * t, log_slope_square=out.log_slope_square + (self._degree - 1) * t
        )

    def log_square(self, log_q: float) -> float:  # noqa: D102 - as in the parent
        return float(self._one[0]) + self._degree * log_q

    def highest(self, lowest: float = LOW) -> float:  # noqa: D102 - as in the parent
        return np.inf


def _clenshaw(coefficients: list[float], x: float) -> float:
    now, before = 0.0, 0.0
    for value in coefficients[:0:-1]:
        now, before = 2 * x * now - before + value, now
    return x * now - before + coefficients[0]


def _logarithms(moments: Array) -> Array:
    with np.errstate(invalid="ignore"):
        moments[_RATIOS] = np.log(np.maximum(moments[_RATIOS], _TINY))
    return moments


@lru_cache(maxsize=64)
def moment_table(activation: Activation) -> MomentTable:
    """Return the table of moments of an activation, one per activation.

    Raises InputError for symbolic parameters.
    """
    if not activation.is_numeric:
        names = ", ".join(sorted(s.name for s in activation.expr.free_symbols - {activation.symbol}))
        raise InputError(f"{activation.name} with symbolic {names}", "numbers", "give the parameters their values")
    degree = activation.homogeneous_degree
    return MomentTable(activation) if degree is None else HomogeneousTable(activation, float(degree))


def table_of(act: Any) -> MomentTable:
    """Return the moment table of an Activation, a catalogue name or a formula."""
    return moment_table(to_activation(act))


def _why_not(act: Activation) -> str:
    """Return why moments have no numbers from some ln q on."""
    try:
        finite = all(finite_mean(act, order, power).limit == sp.oo for order, power in ((0, 4), (1, 6)))
    except UnsupportedError:  # growth that is not known
        return "are not all finite, or are not resolved,"
    return "are finite, but out of reach (they overflow, or it changes too fast)" if finite else "are not all finite"
