"""`sample`: the Jacobians of random networks, drawn: singular values, eigenvalues, exponents, growth."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from typing import Any, Literal

import xarray as xr

from vgtheory._door import lazy
from vgtheory._errors import InputError, shown
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork, Network, need_network
from vgtheory.random_matrices.arguments import choice
from vgtheory.study.engine import Progress
from vgtheory.study.experiment import Conditions

Quantity = Literal["singular values", "eigenvalues", "exponents", "growth"]
_METHODS: dict[str, tuple[str, ...]] = {
    "singular values": ("auto", "dense"),
    "eigenvalues": ("auto", "dense"),
    "exponents": ("auto", "triangular", "dense"),
    "growth": ("auto", "exact"),
}
# What else each takes; of blocks "exponents of blocks".
_OPTIONS: dict[str, tuple[str, ...]] = {
    "singular values": ("method",),
    "eigenvalues": ("method",),
    "exponents": ("method", "directions", "tolerance", "qr_every"),
    "exponents of blocks": ("directions", "inputs"),
    "growth": ("method", "directions", "inputs"),
}
_DEFAULTS = {"method": "auto", "directions": None, "tolerance": 1e-8, "qr_every": None, "inputs": None}
# What draws them, loaded when it is asked for: spectra bring libraries that growth does without.
_load, _ = lazy(
    __name__,
    {
        "singular values": "vgtheory.study.jacobians:jacobian_values",
        "eigenvalues": "vgtheory.study.jacobians:jacobian_values",
        "exponents": "vgtheory.study.jacobians:jacobian_exponents",
        "growth": "vgtheory.study.tangents:leading_growth",
        "exponents of blocks": "vgtheory.study.tangents:exponents_of_blocks",
    },
)


def sample(
    network: Network,
    of: Quantity = "singular values",
    samples: int = 1,
    seed: int = 0,
    method: str = "auto",
    directions: int | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    *,
    tolerance: float = 1e-8,
    qr_every: int | None = None,
    inputs: Inputs | None = None,
) -> xr.Dataset:
    """Return the logarithms of sampled singular values, eigenvalues or exponents of the Jacobian J = ∂x_L/∂x_0.

    Every sample draws all weights and biases, an input uniform on the sphere ‖x_0‖² = N_0, and runs the forward pass.
    Layers are multiplied without losing what is small: relative accuracy of singular values about 1e-10 at any depth,
    of eigenvalues 1e-7 beyond width 200.  Those of W itself are those of an ``"identity"`` network of depth 1.

    Parameters
    ----------
    of : what is wanted.

        - ``"singular values"``: ``log_singular_value`` (sample, index), min(N_0, N_L) of them descending, −inf where
          the rank of J ends; ``vg.spectrum`` counts N_L, with zeros for what a network that widens does not reach.
        - ``"eigenvalues"`` of a square J: ``log_modulus`` = ln|λ|, descending, and ``argument`` = arg λ in radians.
        - ``"exponents"``: ``log_growth`` (sample, block, direction), Σ ln (R_l)_jj of J = Q R over the layers of a
          block, which ends at the coordinate ``layer``; −inf from the block on in which the direction dies (or falls
          1e300 behind in one layer).  ``exponent`` (direction) is the mean growth per layer after the first block, over
          networks in which the direction lives, ``exponent_stderr`` its standard error: from the spread between
          networks where there are at least 16, else from that between blocks.  Of networks of any blocks they are
          those of perturbations of all streams that go from layer to layer together, as of growth, and all of these
          by default where there are at most 256.
        - ``"growth"``: the same of a few orthonormal perturbations, T_l = φ'(h_l) ∘ W_l T_{l−1}, without a matrix:
          memory O(N) at any depth.  For rotation-invariant weights and normal biases; and for networks of any blocks,
          where a perturbation is one of all streams that go from layer to layer (h and c of an LSTM) and all columns.

        Values come with ``q`` (sample, layer) = ‖h_l‖²/N_l.
    samples, seed, executor, checkpoint, progress : as in ``vg.simulate``; sample i depends on (seed, i) only.
    method : ``"dense"`` draws matrices, for all but growth, which has ``"exact"``: the matrices are asked, never drawn.
        For exponents ``"triangular"`` draws the diagonals of the layers' triangular
        factors instead, O(NL): exact for Gaussian and orthogonal weights with constant slopes or positively
        homogeneous activations that are flat on one side, such as ReLU, with or without dropout (Bartlett 1933).
        ``"auto"`` is triangular factors where they are exact, dense matrices elsewhere, and of growth "exact".
    directions : for exponents the leading ones only, at most the least width, by default all; for growth at most 256,
        by default 1.
    tolerance : for dense exponents, how far off rounding may bring ln of the growth between two QR steps.
    qr_every : layers between QR steps; by default chosen from the first 16 layers, and lowered where later ones turn
        out to need it.  The attribute ``rounding`` is the largest estimate of what was lost.
    inputs : of growth and exponents of recurrent cells, what drives them; by default fresh ones of variance 1.

    Raises
    ------
    InputError : a value outside what is accepted.
    UnsupportedError : a network that the table of capabilities refuses; one too wide (4096) or deep (an hour per
        sample) for matrices; ``"triangular"`` where it is not exact; a signal that leaves the range of float64.
    ConflictError : the checkpoint directory belongs to another study.

    Notes
    -----
    Exponents: Benettin, Galgani, Giorgilli & Strelcyn (1980).

    Examples
    --------
    >>> from vgtheory import Network, Weights
    >>> sample(Network("relu", Weights.he(), width=8, depth=3), samples=2).log_singular_value.shape
    (2, 8)
    >>> net = Network("identity", Weights.gaussian(1.0), width=4, depth=20_000)
    >>> sample(net, of="exponents").exponent.round(2).values
    array([-0.14, -0.33, -0.63, -1.32])
    >>> net = Network("identity", Weights.orthogonal(2), width=16, depth=100)
    >>> sample(net, of="growth", samples=2, directions=3).exponent.round(12).values
    array([0.69314718, 0.69314718, 0.69314718])
    """
    network = need_network(network)
    of = choice("of", of, tuple(_METHODS))
    method = choice("method", method, _METHODS[of])
    conditions = Conditions.of(samples, seed, executor=executor, checkpoint=checkpoint, progress=progress)
    require(network, f"sample ({of})")
    if method == "exact":
        require(network, "simulate (exact)")
    what = "exponents of blocks" if of == "exponents" and isinstance(network, BlockNetwork) else of
    values = (method, directions, tolerance, qr_every, inputs)
    _check_options(what, dict(zip(_DEFAULTS, values, strict=True)))
    driven = Inputs() if inputs is None else inputs
    if what == "growth":
        return _load(what)(network, conditions, 1 if directions is None else directions, driven)
    if what == "exponents of blocks":
        return _load(what)(network, conditions, directions, driven)
    if what == "exponents":
        return _load(what)(network, conditions, directions, method, tolerance, qr_every)
    return _load(what)(network, of, conditions)


def _check_options(what: str, given: dict[str, Any]) -> None:
    """Raise InputError for an option that this quantity does not take."""
    for name, value in given.items():
        default = _DEFAULTS[name]
        if name not in _OPTIONS[what] and not (isinstance(value, type(default)) and value == default):
            takes = " and ".join(_OPTIONS[what])
            raise InputError(name, f"left out for {what}", f"what may be given there: {takes}", got=shown(value))
