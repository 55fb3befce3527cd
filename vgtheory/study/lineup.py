"""Several networks side by side: prediction and simulation of each, layer by layer, in one data set."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt

import numpy as np
import xarray as xr

from vgtheory._errors import InputError, NoSolutionError, UnsupportedError
from vgtheory.model.network import Network
from vgtheory.model.weights import Weights
from vgtheory.study.engine import Progress
from vgtheory.study.simulate import simulate
from vgtheory.theory.asymptotics.fixed_points import critical
from vgtheory.theory.asymptotics.prediction import predict

_SINGLE = ("change", "change_error", "critical_sigma_w", "dead")


def lineup(
    networks: Sequence[Network], samples: int = 64, seed: int = 0, progress: Progress | None = None
) -> xr.Dataset:
    """Return prediction and simulation of several networks of one depth, side by side.

    Parameters
    ----------
    networks : of equal depth; a name that occurs twice gets a number.
    samples, seed : of every simulation.
    progress : called as progress(done, total) after each network.

    Returns
    -------
    Dataset over `network` (names of the activations) and `layer` = 1..L with `mean` and `error` (its standard error) of
    simulated ln‖∂ℓ/∂h_l‖, `std` over networks, `predicted` (NaN where theory does not reach), `q` and `chi` of mean
    field; over `network` `change` = ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖) simulated, its mean, and `change_error`,
    `critical_sigma_w` at the network's own σ_b (NaN where none) and `dead`, the share without gradient.

    Raises
    ------
    InputError : no networks, or depths that differ.

    Examples
    --------
    >>> import vgtheory as vg
    >>> made = [vg.Network(name, vg.Weights.he(), width=32, depth=10) for name in ("tanh", "relu")]
    >>> lineup(made, samples=8).network.values.tolist()
    ['tanh', 'relu']
    """
    if not networks or len({network.depth for network in networks}) > 1:
        depths = [str(network.depth) for network in networks]
        raise InputError(
            f"networks of depths {', '.join(depths) or 'none'}", "one depth for all", "give them one depth"
        )
    rows = []
    for done, network in enumerate(networks):
        rows.append(_row(network, samples, seed))
        if progress is not None:
            progress(done + 1, len(networks))
    layered = ("mean", "error", "std", "predicted", "q", "chi")
    data = {name: (("network", "layer"), np.stack([row[name] for row in rows])) for name in layered}
    single = {name: ("network", np.array([row[name] for row in rows])) for name in _SINGLE}
    coords = {"network": _names(networks), "layer": np.arange(1, int(networks[0].depth) + 1)}
    specs = "\n".join(network.spec_json for network in networks)
    return xr.Dataset({**data, **single}, coords=coords, attrs={"samples": samples, "seed": seed, "specs": specs})


def at_criticality(network: Network) -> Network:
    """Return the network with Gaussian or orthogonal weights of the critical σ_w at its own σ_b.

    Raises NoSolutionError where the activation has no stable critical point there: the network would leave another.
    """
    sigma_b = network.sigmas[-1][1]
    point = critical(network.activation, sigma_b)
    if not point.stable:
        name = network.activation.name or str(network.activation.expr)
        raise NoSolutionError(
            f"{name} has no stable critical point at sigma_b = {sigma_b:g} (the one at sigma_w = {point.sigma_w:.6g} "
            "is unstable: the variance leaves it); give a larger sigma_b"
        )
    law = Weights.orthogonal if network.weights.family == "orthogonal" else Weights.gaussian
    weights = law(point.sigma_w, sigma_b)
    return Network(network.activation, weights, network.width, network.depth)


def _row(network: Network, samples: int, seed: int) -> dict[str, np.ndarray | float]:
    depth = int(network.depth)
    norms = simulate(network, samples=samples, seed=seed).log_gradient_norm.values
    alive = norms[np.isfinite(norms).all(axis=1)]
    blank = np.full(depth, nan)
    std = alive.std(axis=0, ddof=1) if len(alive) > 1 else blank
    change = alive[:, 0] - alive[:, -1]
    try:
        theory = predict(network)
        predicted, q, chi = (theory[name].values for name in ("log_gradient_norm", "q", "chi"))
    except (UnsupportedError, NoSolutionError):
        predicted = q = chi = blank
    try:
        critical_sigma_w = critical(network.activation, network.sigmas[-1][1]).sigma_w
    except NoSolutionError:
        critical_sigma_w = nan
    return {
        "mean": alive.mean(axis=0) if len(alive) else blank,
        "error": std / sqrt(max(len(alive), 1)),
        "std": std,
        "predicted": predicted,
        "q": q,
        "chi": chi,
        "change": float(change.mean()) if len(alive) else nan,
        "change_error": float(change.std(ddof=1)) / sqrt(len(alive)) if len(alive) > 1 else nan,
        "critical_sigma_w": critical_sigma_w,
        "dead": 1 - len(alive) / len(norms),
    }


def _names(networks: Sequence[Network]) -> list[str]:
    plain = [network.activation.name or str(network.activation.expr) for network in networks]
    return [f"{name} ({k + 1})" if plain.count(name) > 1 else name for k, name in enumerate(plain)]
