"""Levels of mean spacing 1 from eigenvalues: by the law of their density, a polynomial, or Gaussian kernels."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.kernels.levels import smoothed_staircase
from vgtheory.random_matrices.arguments import choice, eigenvalues_of, whole
from vgtheory.random_matrices.laws.law import Law

_LEAST = 8  # levels of a spectrum
_DEGREE, _REACH = 9, 12  # of the polynomial; neighbours on each side of a Gaussian
_BROAD = 0.608  # width of a kernel in units of the distance to the outermost neighbour that it covers


def spectra_of(name: str, values: ArrayLike, least: int = _LEAST) -> np.ndarray:
    """Return one spectrum or several as an array of shape (spectra, N), each sorted.

    Raises InputError for complex numbers, NaN, or fewer than `least` values in a spectrum.
    """
    found = np.atleast_2d(eigenvalues_of(name, values, "give their angles, or ensemble.measured(eigenvalues)"))
    if found.ndim != 2 or found.shape[1] < least or not np.isfinite(found).all():
        shape = f"an array of shape {np.shape(values)}" if np.isfinite(found).all() else "NaN or infinite values"
        accepted = f"one spectrum of at least {least} finite values, or an array of shape (spectra, N)"
        raise InputError(name, accepted, "give ensemble.eigenvalues() or ensemble.spectra(20)", got=shape)
    return np.sort(found, axis=1)


def unfold(
    eigenvalues: ArrayLike,
    by: Law | Literal["polynomial", "gaussian"] = "polynomial",
    degree: int | None = None,
    reach: int | None = None,
) -> np.ndarray:
    """Return the levels of mean spacing 1 that belong to eigenvalues, ascending, of the same shape.

    A level is the expected number of eigenvalues below an eigenvalue, N̄(λ).

    Parameters
    ----------
    eigenvalues : one spectrum, shape (N,), or several, shape (spectra, N), each unfolded by itself.
    by : a law of the eigenvalues, N̄ = N·cdf; "polynomial", the least-squares polynomial through the staircase
        N(λ); or "gaussian", every step broadened by a Gaussian as wide as 0.608 of the distance to its neighbours
        (Bruus & Anglès d'Auriac 1997).
    degree : of the polynomial; by default 9, or N/2 where that is less.
    reach : how many neighbours on each side a Gaussian covers; by default 12, or N/2 where that is less.

    Raises
    ------
    InputError : fewer than 8 eigenvalues, complex or not finite ones, or an unknown `by`.
    UnsupportedError : the polynomial is not increasing between the eigenvalues, or they do not determine it.

    Examples
    --------
    >>> from vgtheory.random_matrices.ensembles import goe
    >>> from vgtheory.random_matrices.laws import semicircle
    >>> levels = unfold(goe(200).eigenvalues(random_state=0), by=semicircle())
    >>> round(float(np.diff(levels).mean()), 1)
    1.0
    """
    found = spectra_of("eigenvalues", eigenvalues)
    half = found.shape[1] // 2
    if isinstance(by, Law):
        out = found.shape[1] * np.asarray(by.cdf(found))
    elif choice("by", by, ("polynomial", "gaussian")) == "polynomial":
        order = whole("degree", min(_DEGREE, half) if degree is None else degree, 1, half)
        out = np.array([_by_polynomial(row, order) for row in found])
    else:
        near = whole("reach", min(_REACH, half) if reach is None else reach, 1, half)
        out = np.array([_by_kernels(row, near) for row in found])
    return out.reshape(np.shape(eigenvalues))


def _by_polynomial(row: np.ndarray, degree: int) -> np.ndarray:
    # At an eigenvalue the staircase lies half a step below its upper side.
    curve, (_, rank, *_) = Chebyshev.fit(row, np.arange(len(row)) + 0.5, degree, full=True)
    levels = curve(row)
    if rank <= degree or (np.diff(levels) < 0).any():
        raise UnsupportedError(
            f"a polynomial of degree {degree} through this staircase is not increasing or not determined; "
            'give a smaller degree, by="gaussian", or a law'
        )
    return levels


def _by_kernels(row: np.ndarray, reach: int) -> np.ndarray:
    place = np.arange(len(row))
    low, high = np.maximum(place - reach, 0), np.minimum(place + reach, len(row) - 1)
    # Where neighbours are missing at an end, the mean distance of those that are there counts.
    widths = _BROAD * reach * (row[high] - row[low]) / (high - low)
    return smoothed_staircase(row, np.maximum(widths, np.finfo(float).tiny))
