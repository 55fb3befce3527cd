"""Eigenvalues of unitary matrices from their Verblunsky coefficients, by a phase that grows with the angle.

With z = e^{iθ} and B_k = z Φ_k/Φ_k* = e^{iψ_k}, Szegő's recursion reads ψ_{k+1} = ψ_k + θ − 2 arg(1 − α_k e^{iψ_k});
every ψ_k grows by 2π(k + 1) over a turn and the eigenvalues are where ψ_{N−1} = −arg α_{N−1} mod 2π (Killip & Stoiciu
2009).  One evaluation costs O(N) and no matrix is stored.
"""

import numpy as np

from vgtheory.kernels._jit import loop


@loop
def phase(theta, real, imag):
    """Return (ψ_{N−1}, dψ_{N−1}/dθ) at θ for the coefficients α_0, …, α_{N−2}."""
    psi, slope = theta, 1.0
    for k in range(real.size):
        c, s = np.cos(psi), np.sin(psi)
        vr, vi = real[k] * c - imag[k] * s, real[k] * s + imag[k] * c
        # ψ − 2 arg(1 − v): its derivative is the Poisson kernel (1 − |v|²)/|1 − v|².
        distance = (1.0 - vr) * (1.0 - vr) + vi * vi
        slope = 1.0 + slope * (1.0 - vr * vr - vi * vi) / distance
        psi += theta + 2.0 * np.arctan2(vi, 1.0 - vr)
    return psi, slope


@loop
def unitary_angles(real, imag, last, tolerance):
    """Return the N ascending angles in [0, 2π) at which ψ_{N−1} equals `last` mod 2π, N = real.size + 1."""
    n = real.size + 1
    turn = 2.0 * np.pi
    base, _ = phase(0.0, real, imag)
    first = np.ceil((base - last) / turn)
    out = np.empty(n)
    known = 0.0
    for j in range(n):
        target = last + turn * (first + j)
        lo, hi = known, turn
        theta = lo + (hi - lo) / max(n - j, 1) * 0.5
        for _ in range(200):
            value, slope = phase(theta, real, imag)
            if value < target:
                lo = theta
            else:
                hi = theta
            new = theta + (target - value) / slope
            if not lo < new < hi:
                new = 0.5 * (lo + hi)
            if abs(new - theta) <= tolerance or hi - lo <= tolerance:
                theta = new
                break
            theta = new
        out[j] = theta
        known = lo
    return out
