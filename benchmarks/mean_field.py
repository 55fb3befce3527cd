"""A phase diagram of tanh, 100 × 100 scales, on one core; a JAX-jitted iteration with 25 Gauss–Hermite nodes beside it.

The peer is what one writes first: q ← σ_w² E φ(√q z)² + σ_b² for all cells at once until no cell moves by more than
1e-12, then χ and χ_q by the same nodes.  Its error is the largest relative one of χ against ours.
"""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np

import vgtheory as vg
from benchmarks.measure import Line, in_turn, machine

SIGMA_W, SIGMA_B = np.linspace(0.5, 4.0, 100), np.linspace(0.01, 2.0, 100)
NODES, MOVED, MOST = 25, 1e-12, 20_000


def ours(correlations: bool):
    return vg.phase_diagram("tanh", SIGMA_W, SIGMA_B, correlations)


def jax_diagram():
    """Return a function that gives (q, χ, χ_q) on the grid."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    z, weight = np.polynomial.hermite_e.hermegauss(NODES)
    z, weight = jnp.asarray(z), jnp.asarray(weight / weight.sum())
    sw, sb = jnp.asarray(SIGMA_W[None, :] ** 2), jnp.asarray(SIGMA_B[:, None] ** 2)

    def step(q):
        return sw * (jnp.tanh(jnp.sqrt(q)[..., None] * z) ** 2 @ weight) + sb

    @jax.jit
    def run():
        def go(state):
            q, _, count = state
            new = step(q)
            return new, jnp.abs(new - q).max(), count + 1

        start = (sw + sb, jnp.inf, 0)
        q, _, _ = jax.lax.while_loop(lambda s: (s[1] > MOVED) & (s[2] < MOST), go, start)
        t = jnp.tanh(jnp.sqrt(q)[..., None] * z)
        slope = 1 - t * t
        return q, sw * (slope**2 @ weight), sw * ((slope**2 - 2 * t**2 * slope) @ weight)

    return lambda: jax.block_until_ready(run())


def pinned() -> dict[str, float]:
    """Return seconds of ours without and with correlations and of the peer, and the peer's error."""
    found = dict(zip(("plain", "full"), in_turn(lambda: ours(False), lambda: ours(True), repeats=5), strict=True))
    if importlib.util.find_spec("jax") is not None:
        peer = jax_diagram()
        _, found["jax"] = in_turn(lambda: ours(False), peer, repeats=3)
        found["jax_error"] = float(np.abs(np.asarray(peer()[1]) / ours(False).chi.values - 1).max())
    return found


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    output = subprocess.check_output([sys.executable, "-m", "benchmarks.mean_field", "--pinned"], text=True)
    t = json.loads(output.splitlines()[-1])
    found = [
        Line("100 x 100 phase diagram: q, chi, chi_q", "", "<= 0.25 s", f"{t['plain']:.3f} s", t["plain"] <= 0.25),
        Line("the same with c and xi_c", "", "<= 1.5 s", f"{t['full']:.3f} s", t["full"] <= 1.5),
    ]
    if "jax" not in t:
        return found, ""
    peer = f"JAX, {NODES} Gauss-Hermite nodes: {t['jax']:.2f} s, {t['jax'] / t['plain']:.0f} x ours"
    return found, f"{peer}; largest relative error of chi {t['jax_error']:.0e}"


def main() -> None:
    if sys.argv[1:2] == ["--pinned"]:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(json.dumps(pinned()))
        return
    found, details = lines()
    print(machine(), details, *(f"{line.what}: {line.measured}" for line in found), sep="\n")


if __name__ == "__main__":
    main()
