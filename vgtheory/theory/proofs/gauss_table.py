"""Gaussian means of many functions at once, certified, as functions of the variance v.

E f(√v z) = ∫_0^∞ (f(h) + f(−h)) p_v(h) dh with the density p_v of N(0, v): v enters through p_v only, so f is evaluated
once per node and a mean at another v is a matrix product.  Composite Gauss–Legendre; on a panel whose function is
analytic and bounded by B inside the ellipse with foci at its ends and parameter ρ the n-point rule errs by at most
(64/15) r B ρ^{−2n}/(1 − ρ^{−2}), r half the panel's length (Trefethen 2008, theorem 4.5).  The errors are further rows
of the matrix, so that every product encloses the true mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import sympy as sp
from flint import acb, arb, arb_mat, fmpq

from vgtheory._errors import UnsupportedError
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.ball import number_ball
from vgtheory.symbolic.calculus import Piece
from vgtheory.symbolic.complex_ball import ComplexFunction, complex_function

BITS = 96
POINTS = 20
RHO = fmpq(5, 2)
REACH = 9  # standard deviations; what lies beyond is enclosed by its mass
WIDEST = 4.0  # the widest panel that is tried
MOST_PANELS = 400
CELLS = (4, 2)  # boxes that cover the upper half of an ellipse
LARGEST = 1000  # a function larger than this inside an ellipse asks for a smaller one
DEEPEST_EXPONENT = 3  # of e^{−τφ²} inside an ellipse


@dataclass(frozen=True)
class Point:
    """φ² and φ'² at h and −h, h on the positive half-line."""

    squares: tuple[arb, arb]
    slopes: tuple[arb, arb]


@dataclass(frozen=True)
class Panel:
    """A panel's nodes with weights and values there; bounds on its ellipse and the factor of its error."""

    nodes: tuple[arb, ...]
    weights: tuple[arb, ...]
    points: tuple[Point, ...]
    largest_square: arb  # of |φ²|, both sides
    largest_slope: arb  # of |φ'²|, both sides
    negative: arb  # the real part of φ² is at least minus this
    modulus: arb  # of h
    exponent: arb  # (Im h)² − (Re h)² is at most this
    error: arb


@dataclass(frozen=True)
class HalfLine:
    """Panels on [0, end]; (modulus, width) of the slivers between a breakpoint and the double in its place."""

    panels: tuple[Panel, ...]
    end: arb
    slivers: tuple[tuple[arb, arb], ...]


class GaussianTable:
    """E φ'(√v z)², E z²φ'(√v z)² and E[1 − e^{−τφ(√v z)²}] for several τ, on v between two values.

    Parameters
    ----------
    line : from :func:`half_line`.
    rates : the τ, as exact numbers.
    slope_bound : a bound of φ'² on the real line.
    with_square : whether the means with the factor z² are wanted too.
    """

    def __init__(self, line: HalfLine, rates: Sequence[arb], slope_bound: arb, with_square: bool) -> None:
        panels, self.end, self.with_square = line.panels, line.end, with_square
        self.squared_nodes = [h * h for q in panels for h in q.nodes]
        self.ellipses = [(q.exponent, q.modulus**2) for q in panels]
        self.ellipses += [(arb(0), modulus**2) for modulus, _ in line.slivers]
        rows = [
            [w * value for value in _columns(p, rates)]
            for q in panels
            for w, p in zip(q.weights, q.points, strict=True)
        ]
        rows += [_error_row(q, rates) for q in panels]
        rows += [[arb(0, 2) * w * b for b in (slope_bound, *(1 for _ in rates))] for _, w in line.slivers]
        rows.append([2 * slope_bound * _unit(), *(2 * _unit() for _ in rates)])
        self.matrix = arb_mat(rows)

    def values(self, v: arb) -> list[list[arb]]:
        """Return [E φ'², E[1 − e^{−τφ²}] …] at the variance v; with the factor z² in a second list where wanted."""
        density, z_square, size, modulus = self._densities(v)
        rows = [[*density, *size, _tail_mass(self.end, v)]]
        if self.with_square:
            rows.append([*map(_times, density, z_square), *map(_times, size, modulus), _tail_square(self.end, v)])
        return self._products(rows)

    def slopes(self, v: arb) -> list[list[arb]]:
        """Return the derivatives by v of :meth:`values` on the ball v: ∂_v p_v = p_v (h²/v − 1)/(2v)."""
        density, z_square, size, modulus = self._densities(v)
        half = 1 / (2 * v)
        rows = [[p * (u - 1) for p, u in zip(density, z_square, strict=True)]]
        rows[0] += [p * (u + 1) for p, u in zip(size, modulus, strict=True)]
        rows[0].append(_tail_mass_slope(self.end, v))
        if self.with_square:
            rows.append([p * u * (u - 3) for p, u in zip(density, z_square, strict=True)])
            rows[1] += [p * u * (u + 3) for p, u in zip(size, modulus, strict=True)]
            rows[1].append(_tail_square_slope(self.end, v))
        return [[half * value for value in row] for row in self._products(rows)]

    def _densities(self, v: arb) -> tuple[list[arb], list[arb], list[arb], list[arb]]:
        """Return p_v and h²/v at the nodes, and bounds of both inside each panel's ellipse."""
        scale, half = 1 / (2 * arb.pi() * v).sqrt(), -1 / (2 * v)
        density = [(square * half).exp() * scale for square in self.squared_nodes]
        z_square = [square / v for square in self.squared_nodes]
        size = [(exponent / (2 * v)).exp() * scale for exponent, _ in self.ellipses]
        return density, z_square, size, [square / v for _, square in self.ellipses]

    def _products(self, rows: list[list[arb]]) -> list[list[arb]]:
        found = arb_mat(rows) * self.matrix
        return [[found[i, j] for j in range(found.ncols())] for i in range(len(rows))]


def _times(a: arb, b: arb) -> arb:
    return a * b


def _unit() -> arb:
    return arb(0.5, 0.5)


def _density(h: arb, v: arb) -> arb:
    return (-h * h / (2 * v)).exp() / (2 * arb.pi() * v).sqrt()


def _tail_mass(end: arb, v: arb) -> arb:
    return (end / (2 * v).sqrt()).erfc() / 2


def _tail_square(end: arb, v: arb) -> arb:
    return _tail_mass(end, v) + end * _density(end, v)


# 2v times the tails' derivatives by v: ∫_R^∞ (h²/v − 1) p_v = R p_v(R), and one step more for the factor z².
def _tail_mass_slope(end: arb, v: arb) -> arb:
    return end * _density(end, v)


def _tail_square_slope(end: arb, v: arb) -> arb:
    return end * _density(end, v) * end * end / v


def _columns(point: Point, rates: Sequence[arb]) -> list[arb]:
    right, left = point.squares
    means = [-(-r * right).expm1() - (-r * left).expm1() for r in rates]
    return [point.slopes[0] + point.slopes[1], *means]


def _error_row(panel: Panel, rates: Sequence[arb]) -> list[arb]:
    error = panel.error
    bounds = [2 * panel.largest_slope]
    for r in rates:
        grown = (r * panel.negative).exp()
        bounds.append(2 * (r * panel.largest_square * grown).min(1 + grown))
    return [arb(0, 1) * error * b for b in bounds]


# ------------------------------------------------------------------ the panels


@lru_cache(maxsize=16)
def half_line(act: Activation, least: float, most: float, top_rate: float, most_panels: int = MOST_PANELS) -> HalfLine:
    """Return panels on [0, R] for variances between `least` and `most`.

    Panels grow geometrically from the smallest standard deviation and end at breakpoints; one inside whose ellipse φ
    has a pole, a cut or large values is halved.  The precision must be set by the caller.

    Raises
    ------
    UnsupportedError : no ball arithmetic for the formula, or too many panels.
    """
    end = REACH * float(np.sqrt(most))
    sides = [_Side(act, 1), _Side(act, -1)]
    kinks = sorted({abs(float(b)) for b in act.breakpoints} - {0.0})
    outline = _outline(0.5 * float(np.sqrt(least)), end, [k for k in kinks if k < end])
    work = list(islice(outline, most_panels + 1))[::-1]
    found: list[Panel] = []
    while work:
        if len(found) + len(work) > most_panels:
            raise UnsupportedError(
                f"certified quadrature of {act.name} up to {end:.4g} takes over {most_panels} panels"
            )
        a, b = work.pop()
        panel = _panel(sides, a, b, top_rate)
        if panel is not None:
            found.append(panel)
        elif b - a < 1e-9 * end:
            raise UnsupportedError(f"no certified quadrature for {act.name} near {a:.4g}")
        else:
            work += [((a + b) / 2, b), (a, (a + b) / 2)]
    exact = [number_ball(abs(b)) for b in act.breakpoints]
    gaps = [(b, arb(abs(b - arb(float(b))).upper())) for b in exact]
    slivers = tuple((arb((b + gap).upper()), gap) for b, gap in gaps if gap > 0)
    return HalfLine(tuple(found), arb(end), slivers)


def _outline(first: float, end: float, kinks: list[float]) -> Iterator[tuple[float, float]]:
    at, step = 0.0, first
    while at < end:
        stop = min([at + step, end, *(k for k in kinks if k > at)])
        yield at, stop
        at, step = stop, min(max(step, 0.8 * stop), WIDEST)


class _Side:
    """φ² and φ'² at ±h, as functions of h ≥ 0 or of a complex ball around such."""

    def __init__(self, act: Activation, sign: int) -> None:
        self.sign = sign
        self.values, self.slopes = _compiled(act.pieces, act), _compiled(act.derivative_pieces(1), act)

    def at(self, z: acb, middle: float, analytic: bool) -> tuple[acb, acb]:
        value, slope = (self._piece(parts, middle)(self.sign * z, analytic) for parts in (self.values, self.slopes))
        return value * value, slope * slope

    def _piece(self, parts: list[tuple[Piece, ComplexFunction]], middle: float) -> ComplexFunction:
        return next(f for piece, f in parts if self.sign * middle <= float(piece.hi))


def _compiled(parts: Sequence[Piece], act: Activation) -> list[tuple[Piece, ComplexFunction]]:
    return [(p, complex_function(p.expr, act.symbol, BITS)) for p in parts]


def _panel(sides: list[_Side], a: float, b: float, top_rate: float) -> Panel | None:
    middle, radius = (arb(a) + arb(b)) / 2, (arb(b) - arb(a)) / 2
    inside = _on_ellipse(sides, middle, radius, (a + b) / 2)
    if inside is None:
        return None
    square, slope, negative, modulus, exponent = inside
    if not (square < LARGEST and slope < LARGEST and negative * top_rate < DEEPEST_EXPONENT):
        return None
    nodes, weights, points = [], [], []
    for root, weight in _gauss():
        h = middle + radius * root
        found = [side.at(acb(h), (a + b) / 2, False) for side in sides]
        nodes.append(h)
        weights.append(radius * weight)
        points.append(Point((found[0][0].real, found[1][0].real), (found[0][1].real, found[1][1].real)))
    rho = arb(RHO)
    error = arb(64) / 15 * radius * rho ** (-2 * POINTS) / (1 - rho**-2)
    return Panel(tuple(nodes), tuple(weights), tuple(points), square, slope, negative, modulus, exponent, error)


def _on_ellipse(sides: list[_Side], middle: arb, radius: arb, at: float) -> tuple[arb, arb, arb, arb, arb] | None:
    """Return bounds of |φ²|, |φ'²|, −Re φ², |h| and (Im h)² − (Re h)² inside the ellipse; None where not analytic."""
    rho = arb(RHO)
    half_width, height = radius * (rho + 1 / rho) / 2, radius * (rho - 1 / rho) / 2
    square = slope = negative = modulus = arb(0)
    exponent = arb.neg_inf()
    for i in range(CELLS[0]):
        for j in range(CELLS[1]):
            re = middle + half_width * arb((2 * i + 1) / CELLS[0] - 1, 1 / CELLS[0])
            im = height * arb((2 * j + 1) / (2 * CELLS[1]), 1 / (2 * CELLS[1]))
            z = acb(re, im)
            for side in sides:
                x, d = side.at(z, at, True)
                if not (x.real.is_finite() and x.imag.is_finite() and d.real.is_finite() and d.imag.is_finite()):
                    return None
                square, slope = square.max(x.abs_upper()), slope.max(d.abs_upper())
                negative = negative.max(-x.real.lower())
            modulus = modulus.max(z.abs_upper())
            exponent = exponent.max(arb(im.abs_upper()) ** 2 - arb(re.abs_lower()) ** 2)
    return arb(square.upper()), arb(slope.upper()), arb(negative.upper()), arb(modulus.upper()), arb(exponent.upper())


@lru_cache(maxsize=1)
def _gauss() -> tuple[tuple[arb, arb], ...]:
    return tuple(arb.legendre_p_root(POINTS, k, weight=True) for k in range(POINTS))


def density_rows(panels: Sequence[Panel], variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes and, per variance, their weights times the density, in floating point for searches."""
    h = np.array([float(x) for q in panels for x in q.nodes])
    weight = np.array([float(x) for q in panels for x in q.weights])
    v = variances[:, None]
    return h, weight * np.exp(-(h**2) / (2 * v)) / np.sqrt(2 * np.pi * v)


def float_values(panels: Sequence[Panel]) -> tuple[np.ndarray, np.ndarray]:
    """Return φ² and φ'² at ±h for every node as floats, shape (nodes, 2) each."""
    points = [p for q in panels for p in q.points]
    return (
        np.array([[float(x) for x in p.squares] for p in points]),
        np.array([[float(x) for x in p.slopes] for p in points]),
    )


def rational(value: sp.Expr) -> arb:
    """Return an exact SymPy rational as a ball."""
    return arb(fmpq(int(value.p), int(value.q)))
