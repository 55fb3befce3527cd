"""How often 95 % intervals of samples cover: the simplest one against the one that ``vg.summarise`` takes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from benchmarks.measure import Line
from vgtheory.study.intervals import Estimate, mean_interval, moments, quantile_interval, variance_interval

Array = NDArray[np.float64]
LEVEL, STUDIES, SIZES = 0.95, 10_000, (32, 64, 256)
# Shapes of log norms: wide networks, narrow ones (the log of few squares), skewed and heavy-tailed ones.
LAWS = {
    "normal": stats.norm(),
    "ln chi² (8)": stats.loggamma(4),
    "ln chi² (1)": stats.loggamma(0.5),
    "exponential": stats.expon(),
    "log-normal, 1/2": stats.lognorm(0.5),
    "Student (5)": stats.t(5),
}


def normal_mean(values: Array) -> Estimate:
    """Return means ± the normal quantile times the standard error."""
    mean, variance, count = moments(values)
    reach = special.ndtri((1 + LEVEL) / 2) * np.sqrt(variance / count)
    return Estimate(mean, mean - reach, mean + reach)


def chi_square_variance(values: Array) -> Estimate:
    """Return variances with the interval that holds for normal samples."""
    _, variance, count = moments(values)
    low, high = (special.chdtri(count - 1, p) for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Estimate(variance, (count - 1) * variance / low, (count - 1) * variance / high)


def jackknife_variance(values: Array) -> Estimate:
    """Return variances with Student's interval of the jackknife's pseudo-values of ln s² (Miller 1968)."""
    mean, variance, count = moments(values)
    n = count.astype(float)
    without = ((n - 1) * variance - n / (n - 1) * (values - mean) ** 2) / (n - 2)
    found = mean_interval(n * np.log(variance) - (n - 1) * np.log(without), LEVEL)
    return Estimate(variance, np.exp(found.low), np.exp(found.high))


def normal_median(values: Array) -> Estimate:
    """Return medians ± the normal quantile times the standard error of a normal sample's median."""
    _, variance, count = moments(values)
    reach = special.ndtri((1 + LEVEL) / 2) * np.sqrt(np.pi / 2 * variance / count)
    median = np.median(values, axis=0)
    return Estimate(median, median - reach, median + reach)


INTERVALS: dict[str, dict[str, tuple[Callable[[Array], Estimate], Callable]]] = {
    "mean": {
        "normal": (normal_mean, lambda law: law.mean()),
        "Student (taken)": (lambda v: mean_interval(v, LEVEL), lambda law: law.mean()),
    },
    "variance": {
        "chi²": (chi_square_variance, lambda law: law.var()),
        "jackknife": (jackknife_variance, lambda law: law.var()),
        "jackknife, bent (taken)": (lambda v: variance_interval(v, LEVEL), lambda law: law.var()),
    },
    "median": {
        "normal": (normal_median, lambda law: law.ppf(0.5)),
        "order statistics (taken)": (lambda v: quantile_interval(v, 0.5, LEVEL), lambda law: law.ppf(0.5)),
    },
}


def share(interval: Callable[[Array], Estimate], truth: float, values: Array) -> float:
    """Return the share of the columns whose interval holds the truth."""
    found = interval(values)
    return float(np.mean((found.low <= truth) & (truth <= found.high)))


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    found = []
    text = [f"{'statistic':<10}{'interval':<26}{'law':<17}" + "".join(f"{f'n = {n}':>9}" for n in SIZES)]
    samples = {
        (name, n): law.rvs((n, STUDIES), random_state=np.random.default_rng(k))
        for k, (name, law) in enumerate(LAWS.items())
        for n in SIZES
    }
    for statistic, intervals in INTERVALS.items():
        for kind, (interval, truth) in intervals.items():
            shares = {key: share(interval, truth(LAWS[key[0]]), values) for key, values in samples.items()}
            for name in LAWS:
                row = "".join(f"{shares[name, n]:>9.3f}" for n in SIZES)
                text.append(f"{statistic:<10}{kind:<26}{name:<17}{row}")
            worst = max(shares.values(), key=lambda s: abs(s - LEVEL))
            if "taken" in kind:
                what = f"coverage of 95 % intervals of the {statistic}, worst of {len(LAWS)} laws"
                found.append(Line(what, "nominal 0.95", "0.92 to 0.97", f"{worst:.3f}", 0.92 <= worst <= 0.97))
    return found, "\n".join(text)


if __name__ == "__main__":
    print(lines()[1])
