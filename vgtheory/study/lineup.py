"""Several networks side by side: prediction and simulation of each, layer by layer, in one data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
import xarray as xr

from vgtheory._errors import NoSolutionError, UnsupportedError
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs, to_inputs
from vgtheory.model.network import BlockNetwork, Network
from vgtheory.study.block_lineup import lineup_of_blocks
from vgtheory.study.engine import Progress
from vgtheory.study.growth import growth_of
from vgtheory.study.simulate import simulate
from vgtheory.study.summary import summarise
from vgtheory.theory.asymptotics.critical_scale import critical_scale
from vgtheory.theory.asymptotics.prediction import predict
from vgtheory.theory.regime import is_critical

_SEEN = {"mean": "mean", "error": "stderr", "std": "std"}
_SINGLE = ("change", "change_error", "critical_sigma_w", "dead", "regime")


def lineup(
    networks: Sequence[Network],
    samples: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
    inputs: Inputs | int = 1,
) -> xr.Dataset:
    """Return predictions and simulations of several networks of the same depth, side by side.

    Parameters
    ----------
    networks : of equal depth; a name that occurs twice gets a number.
    samples, seed : of every simulation.
    progress : called as progress(samples done, samples of all networks).
    inputs : what drives recurrent cells, as in ``simulate``.

    Returns
    -------
    Dataset over `network` (names of the activations) and `layer` = 1..L with `mean` and `error` (its standard error) of
    simulated ln‖∂ℓ/∂h_l‖, `std` over networks, `predicted` (NaN where theory does not reach), `q` and `chi` of mean
    field; over `network` `change` = ln(‖∂ℓ/∂h_1‖/‖∂ℓ/∂h_L‖) simulated, its mean, and `change_error`,
    `critical_sigma_w` at the network's own σ_b (NaN where none), `dead`, the share without gradient, and `regime`:
    vanishes, explodes, critical, balanced, dead or undecided.

    Of networks of blocks the names are those of the blocks, `layer` is 0..L, gradients are those at all streams
    together, `q` is the mean square of the first stream as simulated, and `chi` is NaN.

    Raises
    ------
    InputError : no networks, depths that differ, or networks of blocks beside networks of layers.

    Examples
    --------
    >>> import vgtheory as vg
    >>> made = [vg.Network(name, vg.Weights.he(), width=32, depth=10) for name in ("tanh", "relu")]
    >>> lineup(made, samples=8).network.values.tolist()
    ['tanh', 'relu']
    """
    for network in networks:
        require(network, "compare")
    if any(isinstance(network, BlockNetwork) for network in networks):
        return lineup_of_blocks(networks, samples, seed, to_inputs(inputs), progress)
    study = simulate(networks, samples, seed, progress=progress)
    seen = summarise(study, quantiles=())
    rows = [_theory(network) for network in networks]
    rows = [row | _whole(study.isel(network=k), row["critical"]) for k, row in enumerate(rows)]
    layered = ("predicted", "q", "chi")
    data: dict[str, Any] = {name: (("network", "layer"), np.stack([row[name] for row in rows])) for name in layered}
    data |= {name: seen[f"log_gradient_norm_{kind}"].variable for name, kind in _SEEN.items()}
    single = {name: ("network", np.array([row[name] for row in rows])) for name in _SINGLE}
    specs = "\n".join(network.spec_json for network in networks)
    attributes = {"samples": samples, "seed": seed, "specs": specs}
    return xr.Dataset({**data, **single}, {"network": seen.network, "layer": seen.layer.values}, attributes)


def at_criticality(network: Network) -> Network:
    """Return the network with the critical σ_w of its activation at its own σ_b, and all else as it was.

    Raises NoSolutionError where the activation has no stable critical point there: the network would leave another;
    UnsupportedError for weights that no scale makes critical.
    """
    require(network, "predict")
    sigma_b = network.sigmas[-1][1]
    point = critical_scale(network)
    if not point.stable:
        name = network.activation.name or str(network.activation.expr)
        raise NoSolutionError(
            f"{name} has no stable critical point at sigma_b = {sigma_b:g} (the one at sigma_w = {point.sigma_w:.6g} "
            "is unstable: the variance leaves it); give a larger sigma_b"
        )
    return replace(network, weights=replace(network.weights, sigma_w=point.sigma_w))


def _theory(network: Network) -> dict[str, Any]:
    """Return what is predicted; NaN where theory does not reach."""
    try:
        theory = predict(network)
        predicted, q, chi = (theory[name].values for name in ("log_gradient_norm", "q", "chi"))
        keeps = is_critical(theory)
    except (UnsupportedError, NoSolutionError):
        predicted = q = chi = np.full(int(network.depth), nan)
        keeps = False
    try:
        critical_sigma_w = critical_scale(network).sigma_w
    except NoSolutionError:
        critical_sigma_w = nan
    return {"predicted": predicted, "q": q, "chi": chi, "critical": keeps, "critical_sigma_w": critical_sigma_w}


def _whole(study: xr.Dataset, critical: bool) -> dict[str, Any]:
    """Return the change over all layers, the share of the networks that have none, and the regime."""
    growth = growth_of(study)
    return {
        "change": growth.change,
        "change_error": growth.stderr,
        "dead": growth.dead / growth.samples,
        "regime": str(growth.regime(critical)),
    }
