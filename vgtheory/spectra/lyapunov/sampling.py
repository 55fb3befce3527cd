"""Lyapunov exponents of sampled networks: by triangular factors without matrices where that is exact, else by QR."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.kernels.quadrature import Array
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.random_matrices.arguments import choice, whole
from vgtheory.spectra.growth import block_ends, growth_dataset
from vgtheory.spectra.lyapunov.frame import Frame
from vgtheory.spectra.lyapunov.setting import lyapunov
from vgtheory.spectra.sampling import MAX_SECONDS, MAX_WIDTH

Method = Literal["auto", "triangular", "dense"]
METHODS: tuple[Method, ...] = ("auto", "triangular", "dense")
_DRAW_SECONDS = 6e-8  # of one chi variable with its logarithm
_CHUNK = 1_000_000  # chi variables drawn at once
_BLAS_RATE = 4e9


def sample_lyapunov(
    network: Network,
    samples: int = 1,
    seed: int = 0,
    directions: int | None = None,
    method: Method = "auto",
    tolerance: float = 1e-8,
    qr_every: int | None = None,
) -> xr.Dataset:
    """Return the Lyapunov exponents of sampled networks with their standard errors.

    ``log_growth`` (sample, block, direction) is Σ ln (R_l)_jj of J = Q R over the layers of a block, which ends at the
    coordinate ``layer``; −inf from the block on in which the direction dies (or falls 1e300 behind in one layer).
    ``exponent`` (direction) is the mean growth per layer after the first block, over networks in which the direction
    lives, and ``exponent_stderr`` its standard error: from the spread between networks where there are at least 16,
    else from that between blocks.

    Parameters
    ----------
    network : no skip connections or normalisation; numbers everywhere, σ_w > 0.  The input is uniform on ‖x_0‖² = N_0.
    samples, seed : number of networks; sample i depends on (seed, i) only.
    directions : the leading ones only, at most the least width; by default all.
    method : "triangular" draws the diagonals of the layers' triangular factors, O(NL) and no matrices: exact for
        Gaussian and orthogonal weights with constant slopes or positively homogeneous activations that are flat on one
        side, such as ReLU, with or without dropout.  "dense" runs the network itself, forward pass and QR.  "auto"
        takes the first where it is exact.
    tolerance : how far off rounding may bring ln of the growth between two QR steps, "dense" only.
    qr_every : layers between QR steps; by default chosen by `layers_between` from the first 16 layers, and lowered
        where later ones turn out to need it.  The attribute ``rounding`` is the largest estimate of what was lost.

    Raises
    ------
    InputError : a value outside what is accepted.
    UnsupportedError : "triangular" where it is not exact; a network too large (widths above 4096, or more than an hour
        per sample); an overflow.

    Notes
    -----
    Benettin, Galgani, Giorgilli & Strelcyn (1980); Bartlett (1933) for the triangular factors of Gaussian matrices.
    Leading exponents alone, of rotation-invariant weights: ``vg.tangents`` needs no matrices either.

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> net = Network("identity", Weights.gaussian(1.0), width=4, depth=20_000)
    >>> sample_lyapunov(net).exponent.round(2).values
    array([-0.14, -0.33, -0.63, -1.32])
    >>> lyapunov(net).finite_width(4).round(2)
    array([-0.14, -0.33, -0.64, -1.33])
    """
    samples, seed = whole("samples", samples), whole("seed", seed, 0)
    method = choice("method", method, METHODS)
    least = min(network.widths)
    count = least if directions is None else whole("directions", directions)
    if count > least:
        raise InputError("directions", f"at most {least}, the least width", f"e.g. directions={least}", got=f"{count}")
    if not (isinstance(tolerance, (int, float)) and 1e-14 <= tolerance <= 1):
        raise InputError("tolerance", "a number from 1e-14 to 1", "e.g. tolerance=1e-8", got=f"{tolerance!r}")
    step = None if qr_every is None else whole("qr_every", qr_every)
    require(network, "sample (exponents)")
    if any(sigma_w == 0 for sigma_w, _ in network.sigmas):
        raise InputError("sigma_w", "a positive number", "J is zero; give sigma_w > 0", got="0")
    obstacle = _obstacle(network)
    if method == "triangular" and obstacle:
        raise UnsupportedError(f"triangular factors are not exact for {obstacle}; use method='dense'")
    exact = method != "dense" and not obstacle
    _require_feasible(network, count, exact)
    ends = block_ends(int(network.depth))
    growth, used, rounding = np.empty((samples, len(ends), count)), 0, 0.0
    with threadpool_limits(limits=1, user_api="blas"):
        for i in range(samples):
            rng = np.random.Generator(np.random.Philox(key=[seed, i]))
            if exact:
                growth[i] = _triangular(network, ends, count, rng)
            else:
                frame = Frame(network, ends, count, tolerance, step, rng)
                growth[i] = frame.run()
                used, rounding = max(used, frame.step), max(rounding, frame.rounding)
    attributes: dict[str, Any] = {"method": "triangular" if exact else "dense", "seed": seed, "spec": network.spec_json}
    attributes |= {} if exact else {"qr_every": used, "rounding": rounding}
    return growth_dataset(growth, ends).assign_attrs(attributes)


def _obstacle(network: Network) -> str:
    """Return what keeps the factors of the layers from being independent of each other, in words; "" if nothing."""
    if network.weights.family not in ("gaussian", "orthogonal") or network.weights.shared:
        return f"{network.weights.text} weights"
    if len(set(network.widths)) > 1 or len(set(network.sigmas)) > 1:
        return "layers of different widths or scales"
    law = lyapunov(network, 1.0)  # whatever q: slopes that depend on it are no constants
    if not law.masked or len(law.law.log_nodes) != 1:
        return f"the slopes of {network.activation.name}, which are not 0 or one constant whatever the weights"
    return ""


def _require_feasible(network: Network, count: int, exact: bool) -> None:
    width, depth = max(network.widths), int(network.depth)
    if exact:
        seconds = _DRAW_SECONDS * count * depth
    else:
        draw = 3.0 * width**3 if network.weights.family == "orthogonal" else 20.0 * width**2
        seconds = depth * (draw + width**2 * count + 4.0 * width * count**2) / _BLAS_RATE
    if seconds > MAX_SECONDS or (not exact and width > MAX_WIDTH):
        raise UnsupportedError(
            f"sampling exponents at width {width} and depth {depth} (about {seconds:.3g} s per network): at most an "
            f"hour{'' if exact else f' and width {MAX_WIDTH}'}; use fewer directions or vg.lyapunov(network)"
        )


def _triangular(network: Network, ends: NDArray[np.int64], count: int, rng: np.random.Generator) -> Array:
    """Return the growth of one network, (block, direction), from draws of the diagonals of triangular factors.

    A layer with n active rows has (R)_kk² = σ_w² d²/N times a chi-square variable of n − k + 1 degrees of freedom, or,
    for orthogonal weights, σ_w² d² times a beta variable of parameters (n − k + 1)/2 and (N − n)/2.
    """
    law = lyapunov(network, 1.0)
    width, haar = network.widths[0], law.ensemble == "orthogonal"
    scale = np.log(law.sigma_w) + law.law.log_nodes[0] / 2 - (0.0 if haar else np.log(width / 2) / 2)
    out = np.empty((len(ends), count))
    step = max(1, _CHUNK // count)
    start, dead = 0, np.zeros(count, dtype=bool)
    for b, end in enumerate(ends):
        total = np.zeros(count)
        for first in range(start, int(end), step):
            total += _drawn_growth(width, count, 1 - law.zero_mass, haar, min(step, int(end) - first), rng)
        dead |= np.isneginf(total)
        out[b] = np.where(dead, -np.inf, total + (int(end) - start) * scale)
        start = int(end)
    return out


def _drawn_growth(width: int, count: int, active: float, haar: bool, layers: int, rng: np.random.Generator) -> Array:
    """Return Σ ln (R_l)_kk over independent layers, k = 1..count, for a scale of one: −inf where a direction dies.

    (R_l)_kk² is a gamma variable of shape (n_l − k + 1)/2, n_l rows of N = `width` being active; with `haar` a beta
    variable of parameters (n_l − k + 1)/2 and (N − n_l)/2.
    """
    if haar and active == 1:
        return np.zeros(count)
    rows = np.full(layers, width) if active == 1 else rng.binomial(width, active, layers)
    shape = (rows[:, None] - np.arange(count)) / 2
    alive = shape > 0
    drawn = rng.standard_gamma(np.where(alive, shape, 1.0))
    logs = np.log(drawn)
    if haar:
        rest = rng.standard_gamma(np.broadcast_to((width - rows[:, None]) / 2, shape.shape))
        logs -= np.log(drawn + rest)
    total = logs.sum(axis=0) / 2
    return np.where(alive.all(axis=0), total, -np.inf)
