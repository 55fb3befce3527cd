"""Small calls that run every kernel, as numbers: the same with and without machine code.

Run as a module, with a file's name to write them to.  Where nothing is compiled (``NUMBA_DISABLE_JIT=1``), tools of
coverage see how much of the kernels they run.
"""

import sys
import warnings
from collections.abc import Callable

import numpy as np

import vgtheory as vg

GAUSSIAN, ORTHOGONAL = vg.Weights.gaussian(1.5, 0.1), vg.Weights.orthogonal(1.2, 0.1)
TANH = vg.Network("tanh", GAUSSIAN, width=5, depth=3)


def simulated(*networks: vg.Network, **options: object) -> np.ndarray:
    """The sizes of gradients of one sample each, by layer."""
    studies = [vg.simulate(network, 1, **options) for network in networks]
    return np.concatenate([
        study[name].values.ravel() for study in studies for name in study if name.startswith("log_")
    ])  # fmt: skip


def sampled(*networks: vg.Network, of: str) -> np.ndarray:
    found = [vg.sample(network, of=of, samples=1) for network in networks]
    return np.concatenate(
        [one[name].values.ravel() for one in found for name in one.data_vars if name.startswith("log_")]
    )


def plain(act: str, weights: vg.Weights = GAUSSIAN, **parts: object) -> vg.Network:
    return vg.Network(act, weights, **{"width": 5, "depth": 3, **parts})


def blocks() -> list[vg.Network]:
    w, b = vg.Weights.gaussian(1.0), vg.blocks
    haar = vg.Weights.orthogonal(1.0)
    cells = [b.lstm(w), b.gru(w), b.rnn("tanh", w), b.rnn("tanh", haar), b.lstm(vg.Weights.uniform(1.0))]
    stacks = [
        b.residual(b.normalised(b.dense("gelu", w), "rms")),
        b.residual(b.normalised(b.dense("tanh", haar), "layer")),
        b.residual(b.gated("silu", w, w, w, 2)),
        b.mlp("relu", w, w),
    ]
    rows = [vg.Network(block, width=8, depth=3) for block in cells + stacks]
    rows.append(vg.Network(b.transformer("relu", w, heads=2, causal=True), width=8, depth=2, tokens=4))
    rows.append(vg.Network(b.conv("relu", w), width=8, depth=2, shape=(4, 4)))
    return rows


def spectrum(network: vg.Network) -> np.ndarray:
    found = vg.spectrum(network)
    return np.array([*found.ppf_log([0.2, 0.8]), *found.pdf_log(found.ppf_log([0.3, 0.6]))])


def eigenvalues(network: vg.Network) -> np.ndarray:
    return np.ravel(vg.eigenvalues(network).ppf([0.2, 0.7]))


def levels() -> np.ndarray:
    """Statistics of spacings, of levels on a line and on a circle."""
    angles, line = vg.ensembles.circular_beta(12, 2.5).eigenvalues(1), vg.ensembles.hermite(12, 2.5).eigenvalues(1)
    flat = vg.ensembles.unfold(np.sort(line.ravel()))
    return np.concatenate([
        np.sort(angles.ravel()), flat, vg.ensembles.number_variance(flat, [1.0, 2.0]), vg.ensembles.delta3(flat, [2.0]),
        vg.ensembles.form_factor(flat, [0.3, 0.6]).ravel(),
    ])  # fmt: skip


def laws() -> np.ndarray:
    """Densities at finite N, of powers of factors and of a free sum; quantiles."""
    at, law = [0.3, 1.0], vg.laws
    found = [one.pdf(at) for one in (law.finite_gue(6), law.finite_goe(6), law.finite_lue(6, 8), law.finite_loe(6, 8))]
    found += [law.free_bessel(2.0, 0.5).pdf(at), law.free_bessel(2.0, 0.5).ppf([0.7])]
    found += [law.free_sum(law.semicircle(), law.marchenko_pastur(0.5)).pdf(at), law.tracy_widom(2).pdf(at)]
    return np.concatenate([np.ravel(one) for one in found])


def values() -> np.ndarray:
    """Activations and slopes near, far out, and where they are hardly anything."""
    at = np.array([-800.0, -30.0, -1.0, -1e-9, 0.0, 1e-3, 0.7, 5.0, 40.0, 1e5])
    names = "tanh", "sigmoid", "relu", "gelu", "silu", "softplus", "mish", "sin(x)", "erf(x)*cos(x)", "x/(1+Abs(x))"
    return np.concatenate([np.ravel(part) for name in names for part in vg.compile(name).both(at)])


GIVEN = vg.Weights.given(np.random.default_rng(0).normal(size=(3, 5, 5)))
DRAWN = (
    *(vg.Weights.pytorch_default(), vg.Weights.rademacher(1.5), vg.Weights.sparse(1.5, density=0.5)),
    *(vg.Weights.truncated_normal(1.5), ORTHOGONAL.tie(), GAUSSIAN.tie(), GIVEN),
)
EXACT = (TANH, plain("gelu", ORTHOGONAL, width=(4, 6, 3), depth=2), plain("sin(x)"), plain("erf(x)"))
CHAINS = plain("relu", vg.Weights.he(), width=16, depth=4), plain("relu", vg.Weights.gaussian(1.0), width=8, depth=4)
PARTS = (
    *(plain("tanh", skip=0.3, norm=norm, dropout=0.1) for norm in ("layer", "rms")),
    plain("tanh", ORTHOGONAL, skip=1),
)
BOTH = TANH, plain("tanh", ORTHOGONAL)
SPECTRA = plain("tanh"), plain("relu", vg.Weights.he()), plain("gelu", ORTHOGONAL)

CALLS: dict[str, Callable[[], np.ndarray]] = {
    "exact": lambda: simulated(*EXACT),
    "single": lambda: simulated(TANH, *map(plain, ("gelu", "sin(x)", "log(1+exp(x))")), precision="single"),
    "chain": lambda: simulated(*CHAINS),
    "dense": lambda: simulated(*(plain("tanh", weights) for weights in DRAWN)),
    "drawn": lambda: simulated(*BOTH, method="dense"),
    "parts": lambda: simulated(*PARTS),
    "several inputs": lambda: simulated(*BOTH, inputs=2),
    "batch norm": lambda: simulated(plain("tanh", norm="batch"), batch=4),
    "blocks": lambda: simulated(*blocks()),
    "growth": lambda: sampled(*BOTH, of="growth"),
    "singular values": lambda: sampled(*BOTH, of="singular values"),
    "eigenvalues": lambda: sampled(*BOTH, of="eigenvalues"),
    "exponents": lambda: sampled(*BOTH, of="exponents"),
    "levels": levels,
    "values": values,
    "laws": laws,
    "eigenvalue law": lambda: eigenvalues(plain("tanh", width=8)),
    "spectrum": lambda: np.concatenate([spectrum(network) for network in SPECTRA]),
}


def numbers() -> dict[str, np.ndarray]:
    """Every call's numbers by its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vg.VgtheoryWarning)  # so few samples conclude nothing, and nothing is concluded
        return {name: call() for name, call in CALLS.items()}


if __name__ == "__main__":
    found = numbers()
    if len(sys.argv) > 1:
        np.savez(sys.argv[1], **found)
