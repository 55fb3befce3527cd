"""Matrices: a simulated layer beside drawing its weights with NumPy, a layer of J beside dgemm and dgeqrf."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import blas, lapack
from threadpoolctl import threadpool_limits

import vgtheory as vg
from benchmarks.measure import Line, machine, ratio
from vgtheory.spectra.graded_product import GradedProduct
from vgtheory.study.norms import single_chunk
from vgtheory.study.prepared import prepare

WIDTH, LAYERS, ROWS = 1024, 4, 16
REACH = 1.3
LAWS = {
    "gaussian": vg.Weights.gaussian(1.5),
    "uniform": vg.Weights.uniform(1.5),
    "truncated_normal": vg.Weights.truncated_normal(1.5),
    "rademacher": vg.Weights.rademacher(1.5),
    "sparse": vg.Weights.sparse(1.5, density=0.1),
}


def numpy_rows(name: str) -> Callable[[], object]:
    """Return what draws some unit-variance rows with NumPy's fastest generator, in an array that stays in the cache."""
    generator, row = np.random.Generator(np.random.SFC64(1)), np.empty(ROWS * WIDTH)

    def gaussian() -> None:
        generator.standard_normal(out=row)

    def uniform() -> None:
        generator.random(out=row)
        np.subtract(row, 0.5, out=row)
        np.multiply(row, 12**0.5, out=row)

    def truncated() -> None:
        generator.standard_normal(out=row)
        outside = np.flatnonzero(np.abs(row) > 2)
        while outside.size:
            row[outside] = generator.standard_normal(outside.size)
            outside = outside[np.abs(row[outside]) > 2]

    def rademacher() -> None:
        bits = np.unpackbits(np.frombuffer(generator.bytes(row.size // 8), np.uint8))
        np.subtract(1.0, 2.0 * bits, out=row)

    def sparse() -> None:
        row[:] = 0.0
        places = np.flatnonzero(generator.random(row.size, dtype=np.float32) < 0.1)
        row[places] = generator.standard_normal(places.size)

    functions = {"truncated_normal": truncated, "gaussian": gaussian, "uniform": uniform}
    return (functions | {"rademacher": rademacher, "sparse": sparse})[name]


def dense_beside_drawing(name: str) -> float:
    network = vg.Network("tanh", LAWS[name], width=WIDTH, depth=LAYERS)
    payload = {"prepared": prepare(network), "method": "dense", "seed": 1, "stop": np.zeros(1, np.int64)}
    draw = numpy_rows(name)

    def theirs() -> None:
        for _ in range(LAYERS * WIDTH // ROWS):
            draw()

    return ratio(lambda: single_chunk(payload, 0, 1), theirs, repeats=7)[2]


def product_beside_lapack(width: int = 512, layers: int = 40) -> float:
    """Return the time of a layer of the Jacobian's product over that of dgemm + dgeqrf, BLAS on one thread."""
    rng = np.random.default_rng(0)
    weights = [np.asfortranarray(rng.standard_normal((width, width)) * 1.5 / width**0.5) for _ in range(8)]
    log_slopes = [2 * np.log(1 / np.cosh(0.8 * rng.standard_normal(width))) for _ in weights]
    other, out = np.asfortranarray(rng.standard_normal((width, width))), np.zeros((width, width), order="F")
    size = int(lapack.dgeqrf_lwork(width, width)[0])

    def ours() -> None:
        product = GradedProduct(width)
        for k in range(layers):
            product.multiply(weights[k % 8], log_slopes[k % 8])

    def theirs() -> None:
        for k in range(layers):
            blas.dgemm(1.0, other, weights[k % 8], c=out, overwrite_c=1)
            lapack.dgeqrf(weights[k % 8], lwork=size)

    with threadpool_limits(limits=1, user_api="blas"):
        return ratio(ours, theirs, repeats=7)[2]


def lines() -> tuple[list[Line], str]:
    """Return the table's lines and the details."""
    factors = {name: dense_beside_drawing(name) for name in LAWS}
    worst = max(factors, key=factors.__getitem__)
    product = product_beside_lapack()
    found = [
        Line(
            f"dense path, N = {WIDTH}, forward and backward",
            "drawing those weights with NumPy's SFC64",
            f"<= {REACH}",
            f"{factors[worst]:.2f} ({worst})",
            factors[worst] <= REACH,
        ),
        Line(
            "full Jacobian product with QR, N = 512",
            "dgemm + dgeqrf",
            f"<= {REACH}",
            f"{product:.2f}",
            product <= REACH,
        ),
    ]
    return found, "dense path over drawing: " + ", ".join(f"{name} {value:.2f}" for name, value in factors.items())


def main() -> None:
    found, details = lines()
    print(machine(), details, *(f"{line.what}: {line.measured}" for line in found), sep="\n")


if __name__ == "__main__":
    main()
