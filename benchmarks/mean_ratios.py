"""Recompute the mean spacing ratios that `mean_ratio` goes through; `python -m benchmarks.mean_ratios`.

N angles of the circular β-ensemble by their gaps: t the sum of two neighbours, r their ratio, the others by breaking
the rest of the circle.  m gaps that vanish together have the power βm(m + 1)/2 + m − 1, which Gauss–Jacobi rules take.
"""

import numba as nb
import numpy as np
from scipy.special import roots_jacobi

from vgtheory.random_matrices.spacings.mean_ratios import _KNOWN

POINTS = {3: 60, 4: 44, 5: 26, 6: 16, 7: 12}  # N: points per angle


@nb.njit(fastmath=True)
def _ratio(size, beta, places, rests, weights):
    angles, total, mass = np.zeros(size), 0.0, 0.0
    count = places.shape[1]
    for q in range(count ** (size - 1)):
        i, k = q % count, q // count % count
        t, r = 2 * np.pi * places[0, i], places[1, k]
        angles[1], angles[2], left = r * t / (1 + r), t, 2 * np.pi - t
        weight = weights[0, i] * weights[1, k] * places[0, i] / (1 + r) ** 2
        rest = q // count**2
        for j in range(2, size - 1):
            i = rest % count
            rest //= count
            weight *= weights[j, i] * left
            angles[j + 1] = angles[j] + left * places[j, i]
            left *= rests[j, i]
        product = 1.0
        for a in range(size):
            for b in range(a):
                product *= np.sin((angles[a] - angles[b]) / 2)
        weight *= abs(product) ** beta
        total, mass = total + weight * r, mass + weight
    return total / mass


def circle_ratio(size: int, beta: float, count: int) -> float:
    """Return the mean spacing ratio of `size` eigenvalues on a circle."""

    def power(m: int) -> float:
        return beta * m * (m + 1) / 2 + m - 1

    ends = [(power(2), power(size - 2)), (beta, 0.0), *((beta, power(size - 3 - j)) for j in range(size - 3))]
    places, rests, weights = [], [], []
    for first, last in ends:
        x, w = roots_jacobi(count, last, first)
        places.append((1 + x) / 2)
        rests.append((1 - x) / 2)
        weights.append(w * places[-1] ** -first * rests[-1] ** -last)
        weights[-1] /= weights[-1].max()
    return _ratio(size, beta, np.array(places), np.array(rests), np.array(weights))


def extrapolated(means: dict[int, float], powers: tuple[int, ...]) -> float:
    """Return the limit of means M_N = M + Σ a_k N^{−k}."""
    rows = np.array([[1.0, *(float(n) ** -k for k in powers)] for n in means])
    return float(np.linalg.lstsq(rows, np.array(list(means.values())), rcond=None)[0][0])


if __name__ == "__main__":
    for beta, known in _KNOWN:
        sizes = (4, 5, 6, 7) if beta <= 6 else (3, 4, 5, 6)
        means = {n: circle_ratio(n, beta, POINTS[n]) for n in sizes}
        limit = extrapolated(means, (4, 6, 8))
        other = extrapolated({n: means[n] for n in sizes[1:]}, (4, 6))
        print(f"{beta:g}: {limit:.7f}, with one N less {other - limit:+.1e}, in the table {known:.7f}")
