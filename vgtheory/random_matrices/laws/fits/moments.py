"""A law with symbols, of a free sum say, fitted to eigenvalues: moments matched, weighed by spectra of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import scipy
import sympy as sp
from numpy.typing import ArrayLike
from scipy.special import fdtrc, stdtrit

from vgtheory._errors import InputError, NoSolutionError, shown
from vgtheory.random_matrices.arguments import RandomState, confidence, eigenvalues_of, finite, generator, whole
from vgtheory.random_matrices.laws.fits.estimate import Estimate, Goodness
from vgtheory.random_matrices.laws.polynomials.law import AlgebraicLaw

Draw = Callable[[dict[str, float], int, np.random.Generator], np.ndarray]
_MORE = 2  # moments beyond the number of parameters, for the χ²
_FEWEST, _FEWEST_DRAWS = 16, 20  # eigenvalues, spectra drawn
_ROUNDS = 3  # of draws, each at the last estimate


@dataclass(frozen=True)
class LawFit:
    """Values of a law's symbols by name, floats with an `.interval`; the law that has them; how good the fit is."""

    parameters: dict[str, Estimate]
    law: AlgebraicLaw
    goodness: Goodness
    level: float


@dataclass(frozen=True)
class _Model:
    """Moments of (X − centre)/width, under the law and of spectra, as many as there are symbols and two more."""

    names: tuple[str, ...]
    plain: Callable[..., Any]
    centre: float
    width: float

    @property
    def order(self) -> int:
        return len(self.names) + _MORE

    def expected(self, at: np.ndarray) -> np.ndarray:
        """Return the moments of the law at values of the symbols."""
        m, c = [1.0, *map(float, self.plain(*at))], -self.centre
        rows = ((comb(k, j) * m[j] * c ** (k - j) for j in range(k + 1)) for k in range(1, self.order + 1))
        return np.array([sum(row) for row in rows]) / self.width ** np.arange(1, self.order + 1)

    def seen(self, spectrum: np.ndarray) -> np.ndarray:
        """Return the moments of a spectrum."""
        x = (np.asarray(spectrum, dtype=float) - self.centre) / self.width
        return np.array([(x**k).mean() for k in range(1, self.order + 1)])

    def drawn(self, at: np.ndarray, draw: Draw, size: int, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Return the moments of drawn spectra, a row for each."""
        values = dict(zip(self.names, at.tolist(), strict=True))
        with np.errstate(all="ignore"):
            out = np.array([self.seen(draw(dict(values), size, rng)) for _ in range(draws)])
        if not np.isfinite(out).all():
            raise NoSolutionError(f"the model has no finite spectrum at {values}, where the fit led; begin elsewhere")
        return out


def fit_law(
    eigenvalues: ArrayLike,
    law: AlgebraicLaw,
    start: Mapping[str, float],
    draw: Draw,
    draws: int = 100,
    level: float = 0.95,
    random_state: RandomState = 0,
) -> LawFit:
    """Return the values of a law's symbols at which its moments are those of one spectrum, with intervals.

    Eigenvalues of one matrix are rigid: their moments err by about 1/N, not 1/√N.  How much, and how far their mean at
    this size is from the limit, is measured on spectra of the fitted model, which `draw` makes.

    Parameters
    ----------
    eigenvalues : of one matrix, shape (N,), N ≥ 16.
    law : with symbols, e.g. the free sum ``algebraic("c*z*G**2 - (z - 1 + c)*G + 1") + algebraic("v*G**2 - z*G + 1")``.
    start : a value for each symbol, where the fit begins.
    draw : function (values by name, N, generator) → N eigenvalues of one matrix of the model.
    draws : how many spectra it is asked for, in each of three rounds; at least 20.
    level : of the intervals.

    Raises
    ------
    InputError : other symbols in `start` than the law has, too few eigenvalues or draws, or not 0 < level < 1.
    NoSolutionError : the moments do not determine the values, or the fit leads where the model has no spectrum.

    Examples
    --------
    >>> from vgtheory import ensembles, laws
    >>> model = laws.algebraic(laws.marchenko_pastur(0.5)) + laws.algebraic("v*G**2 - z*G + 1")
    >>> def draw(values, n, rng):
    ...     noise = np.sqrt(values["v"]) * ensembles.goe(n).sample(rng)
    ...     return np.linalg.eigvalsh(ensembles.wishart(n, 2 * n).sample(rng) + noise)
    >>> seen = draw({"v": 0.3}, 60, np.random.default_rng(1))
    >>> fit = fit_law(seen, model, {"v": 1.0}, draw, draws=30)
    >>> low, high = fit.parameters["v"].interval
    >>> low < 0.3 < high
    True
    """
    values, names = _spectrum(eigenvalues), _names(law, start)
    count, rng, share = whole("draws", draws, _FEWEST_DRAWS), generator(random_state), confidence("level", level)
    if not callable(draw):
        hint = "give lambda values, n, rng: numpy.linalg.eigvalsh(…)"
        raise InputError("draw", "a function of values, size and generator", hint, got=shown(draw))
    exact = law.moments(len(names) + _MORE)
    plain = sp.lambdify([sp.Symbol(name) for name in names], exact, "math")
    model = _Model(names, plain, float(values.mean()), float(values.std()))

    at, wanted = np.array([float(start[name]) for name in names]), model.seen(values)
    shift, root = np.zeros(model.order), np.eye(model.order)
    for _ in range(_ROUNDS):
        at = _least(model, wanted - shift, root, at)
        moments = model.drawn(at, draw, len(values), count, rng)
        shift = moments.mean(axis=0) - model.expected(at)
        root = _whitening(moments)
    at = _least(model, wanted - shift, root, at)

    room = 1 + 1 / count  # the mean that is taken off is one of draws
    rest = root @ (wanted - shift - model.expected(at))
    reach = float(stdtrit(count - 1, (1 + share) / 2)) * np.sqrt(room * np.diag(_covariance(model, root, at)))
    found = {
        name: Estimate(value, (value - half, value + half))
        for name, value, half in zip(names, at.tolist(), reach.tolist(), strict=True)
    }
    statistic = float(rest @ rest / room)
    scaled = statistic * (count - _MORE) / ((count - 1) * _MORE)  # Hotelling's T², the covariance being one of draws
    goodness = Goodness(statistic, _MORE, float(fdtrc(_MORE, count - _MORE, scaled)))
    return LawFit(found, law.at(**{name: float(value) for name, value in found.items()}), goodness, share)


def _spectrum(eigenvalues: ArrayLike) -> np.ndarray:
    found = eigenvalues_of("eigenvalues", eigenvalues, "give numpy.linalg.eigvalsh(matrix)").ravel()
    if found.size < _FEWEST or not np.isfinite(found).all() or np.ptp(found) == 0:
        accepted = f"at least {_FEWEST} finite values, not all equal"
        raise InputError("eigenvalues", accepted, "give those of one matrix", got=shown(eigenvalues))
    return found


def _names(law: AlgebraicLaw, start: Mapping[str, float]) -> tuple[str, ...]:
    if not isinstance(law, AlgebraicLaw) or not law.equation.symbols:
        hint = 'e.g. laws.algebraic("c*z*G**2 - (z - 1 + c)*G + 1")'
        raise InputError("law", "an algebraic law with symbols", hint, got=f"{law!r}"[:60])
    names = tuple(str(s) for s in law.equation.symbols)
    if not isinstance(start, Mapping) or set(start) != set(names):
        hint = f"give start={{{', '.join(f'{name!r}: 1.0' for name in names)}}}"
        raise InputError("start", f"a value for each of {', '.join(names)}", hint, got=shown(start))
    for name in names:
        finite(f"start[{name!r}]", start[name])
    return names


def _least(model: _Model, wanted: np.ndarray, root: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the values at which the law's moments are nearest to those wanted, `root` times their differences."""
    return scipy.optimize.least_squares(lambda v: root @ (wanted - model.expected(v)), at, x_scale="jac").x


def _whitening(moments: np.ndarray) -> np.ndarray:
    """Return the matrix that makes the rows' deviations independent and of variance 1."""
    values, vectors = np.linalg.eigh(np.cov(moments.T))
    if values[0] <= 1e-14 * values[-1]:
        raise NoSolutionError("drawn spectra do not differ in all moments; draw random matrices, and more of them")
    return (vectors / np.sqrt(values)).T


def _covariance(model: _Model, root: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the covariance of the estimates, from slopes by central differences."""
    step = 1e-5 * np.maximum(np.abs(at), 1e-3)
    pairs = [(model.expected(at + e), model.expected(at - e)) for e in np.diag(step)]
    slopes = root @ np.array([(up - down) / (2 * h) for (up, down), h in zip(pairs, step, strict=True)]).T
    _, sizes, right = np.linalg.svd(slopes, full_matrices=False)
    if sizes[-1] <= 1e-9 * sizes[0]:
        raise NoSolutionError("the moments do not determine the values of the symbols; fix one of them")
    return (right.T / sizes**2) @ right
