"""Estimated numbers with their intervals."""

from __future__ import annotations

from dataclasses import dataclass

from vgtheory._errors import InputError
from vgtheory.random_matrices.arguments import finite, numbers


class Estimate(float):
    """A number that was estimated: a float with an `interval`, (low, high) at the level of its fit.

    Examples
    --------
    >>> found = Estimate(0.5, (0.4, 0.6))
    >>> found, found + 1, found.interval
    (0.5 in [0.4, 0.6], 1.5, (0.4, 0.6))
    """

    interval: tuple[float, float]

    def __new__(cls, value: float, interval: tuple[float, float]) -> Estimate:
        """Return the number with its interval."""
        made = super().__new__(cls, finite("value", value))
        ends = numbers("interval", interval)
        if ends.shape != (2,):
            raise InputError(
                "interval", "two numbers, low and high", "e.g. interval=(0.4, 0.6)", got=f"{interval!r}"[:60]
            )
        made.interval = (float(ends[0]), float(ends[1]))
        return made

    def __getnewargs__(self) -> tuple[float, tuple[float, float]]:  # type: ignore[override]
        return float(self), self.interval

    def __repr__(self) -> str:
        low, high = self.interval
        return f"{float(self):.6g} in [{low:.6g}, {high:.6g}]"


@dataclass(frozen=True)
class Goodness:
    """χ² of a spectrum's smooth linear statistics after a fit, its degrees of freedom, and the chance of one as large.

    A small `pvalue` says that the eigenvalues are not those of the model.

    Examples
    --------
    >>> Goodness(statistic=3.2, freedom=4, pvalue=0.52).pvalue > 0.01
    True
    """

    statistic: float
    freedom: int
    pvalue: float
