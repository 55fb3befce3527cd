"""How far a sample is from a predicted mean and spread, layer by layer, with intervals that few or skewed samples bear.

The false-alarm rate of comparisons rests on these intervals; tests measure it on normal, skewed and dependent layers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import special

from vgtheory._errors import InputError, counted
from vgtheory.study.intervals import living, moments

Array = NDArray[np.float64]
ROUNDING = 1e-7  # of log norms and of their predictions: φ' = 1 − 1e-9 fluctuates by what cancels in double precision
# Standard errors, √(6/n) and √(24/n), by which skewness and kurtosis are taken larger than they look.
_CAUTION_OF_SKEWNESS, _CAUTION_OF_KURTOSIS = 1.0, 3.0
_FEWEST = 8  # samples that an interval is made of
_VERDICTS = ("holds", "violated", "undecided")


@dataclass(frozen=True)
class Deviations:
    """A sample against a prediction, per layer.

    Attributes
    ----------
    difference, error : sample mean − predicted, and its standard error.
    ratio : standard deviation of the sample over the predicted one.
    unit : the predicted standard deviation, and what rounding adds; a spread of zero (an orthogonal linear network) is
        met up to rounding of the log norms.
    floor : that rounding.
    samples : n.
    skewness : the largest over layers, with caution.
    freedom : degrees of freedom of s²/σ² as a χ², for the largest kurtosis over layers, with caution.
    log_error : standard error of ln of the ratio, for the same without caution.
    """

    difference: Array
    error: Array
    ratio: Array
    unit: Array
    floor: Array
    samples: int
    skewness: float
    freedom: float
    log_error: float

    def quantile(self, tail: float) -> float:
        """Return Student's quantile of n − 1 degrees of freedom that is exceeded with probability `tail`."""
        return float(special.stdtrit(self.samples - 1, 1 - tail))

    def intervals(self, tail: float) -> tuple[Array, Array, Array]:
        """Return half the interval of the mean, and both ends of the ratio's; each end fails with probability `tail`.

        The mean's is t s/√n + |γ_1| s (1 + 2t²)/(6n), the leading effect of skewness γ_1 on Student's t (Johnson 1978).
        """
        t, n = self.quantile(tail), self.samples
        half = self.error * (t + self.skewness * (1 + 2 * t**2) / (6 * np.sqrt(n)))
        low, high = (np.sqrt(self.freedom / special.chdtri(self.freedom, p)) for p in (tail, 1 - tail))
        return half, self.ratio * low, self.ratio * high


def deviations(sample: Array, expected: Array, spread: Array) -> Deviations:
    """Return how far a sample (samples, layers) is from predicted means and standard deviations."""
    n = len(sample)
    mean, variance, _ = moments(sample)
    floor = ROUNDING * np.maximum(1.0, np.abs(expected))
    scaled = (sample - mean) / np.maximum(np.sqrt(variance), floor)
    skewness = float(np.abs((scaled**3).mean(axis=0)).max()) + _CAUTION_OF_SKEWNESS * np.sqrt(6 / n)
    excess = max(float((scaled**4).mean(axis=0).max()) - 3, 0.0)
    cautious = excess + _CAUTION_OF_KURTOSIS * np.sqrt(24 / n)
    return Deviations(
        difference=mean - expected,
        error=np.sqrt(variance / n),
        ratio=(np.sqrt(variance) + floor) / (spread + floor),
        unit=spread + floor,
        floor=floor,
        samples=n,
        skewness=float(skewness),
        freedom=float(2 / (2 / (n - 1) + cautious / n)),  # Var s²/σ⁴ = 2/(n − 1) + excess kurtosis/n
        log_error=float(np.sqrt(2 / (n - 1) + excess / n)) / 2,
    )


def with_gradient(sample: Array) -> tuple[Array, int]:
    """Return the samples (rows) that have a gradient, and how many have none; InputError if too few are left."""
    alive = living(sample)
    n = int(alive.sum())
    if n < _FEWEST:
        found = f"{counted(n, 'sample')} with a finite gradient"
        raise InputError(found, f"at least {_FEWEST}", "simulate more samples")
    return sample[alive], len(sample) - n


def verdicts(resolution: Array, violated: NDArray[np.bool_], tolerance: float) -> NDArray[np.str_]:
    """Return the verdict on each test: what is known to within the tolerance holds, unless it is violated."""
    return np.where(violated, "violated", np.where(resolution <= tolerance, "holds", "undecided"))


def judged(verdict: NDArray[np.str_], resolution: Array, prediction: xr.Dataset) -> dict[str, Any]:
    """Return the attributes that every comparison has: one verdict on all its tests, and what was compared."""
    counts = {name: int((verdict == name).sum()) for name in _VERDICTS}
    whole = "violated" if counts["violated"] else "undecided" if counts["undecided"] else "holds"
    return {
        "verdict": whole,
        "resolution": float(resolution.max()),
        "counts": ", ".join(f"{count} {name}" for name, count in counts.items()),
        **{name: prediction.attrs.get(name, "") for name in ("method", "reliable", "spec")},
    }


def need_same(prediction: xr.Dataset, study: xr.Dataset) -> None:
    """Raise InputError where prediction and study are seen to be of different networks or inputs."""

    def differ(name: str) -> bool:
        return len({data.attrs.get(name) for data in (prediction, study)} - {None}) > 1

    depths = prediction.sizes["layer"] != study.sizes["layer"]
    for things, here in (("networks", differ("spec") or depths), ("inputs", differ("inputs"))):
        if here:
            raise InputError(
                f"prediction and study have different {things}", "the same in both", "predict what was run"
            )
