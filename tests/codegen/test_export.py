"""Exports to C, PyTorch and JAX give the numbers of the compiled activation."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import InputError
from vgtheory.codegen.export.scaled_erfc import CENTER, chebyshev_coefficients

POINTS = np.concatenate([
    [-np.inf, -1e300, -1e5, -1000.0, -40.0, 40.0, 1000.0, 1e5, 1e300, np.inf],
    np.linspace(-12, 12, 481), [-1e-9, 0.0, 1e-9, -1e-300, 1e-300],
])  # fmt: skip
NAMES = sorted(name for name in vg.catalogue if name != "step")
FORMULAS = ["x*tanh(log(1 + exp(x)))", "x/(1 + exp(-1.7*x))", "Max(x, 0.1*x)", "exp(-x**2)*sin(3*x)"]


def check(act, value, slope, tolerance):
    f = vg.compile(act)
    expected, expected_slope = f.both(POINTS)
    for seen, want in ((value, expected), (slope, expected_slope)):
        finite = np.isfinite(want)
        assert np.array_equal(seen[~finite], want[~finite], equal_nan=True)
        x, seen, want = POINTS[finite], seen[finite], want[finite]
        # Next to a true zero of φ or φ' the terms that cancel count, not their sum.
        room = np.where((np.abs(x) < 12) & (np.abs(want) < 0.05), tolerance, 0.0)
        assert (np.abs(seen - want) <= tolerance * np.abs(want) + room).all()


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """All activations in one shared library, compiled once."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("c")
    acts = [vg.activation(source) for source in NAMES + FORMULAS]
    for k, act in enumerate(acts):
        (folder / f"a{k}.c").write_text(vg.export.to_c(act, name=f"act{k}"))
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-shared", "-fPIC"]
    names = [f"a{k}.c" for k in range(len(acts))]
    subprocess.run(["cc", *flags, "-o", "all.so", *names, "-lm"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "all.so"))


@pytest.mark.parametrize("index", range(len(NAMES) + len(FORMULAS)), ids=NAMES + FORMULAS)
def test_c_source(library, index):
    def called(name):
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
        return np.array([function(float(x)) for x in POINTS])

    act = vg.activation((NAMES + FORMULAS)[index])
    check(act, called(f"act{index}"), called(f"act{index}_gradient"), 4e-15)


@pytest.mark.parametrize("source", NAMES + FORMULAS)
def test_pytorch(source):
    torch = pytest.importorskip("torch")
    phi = vg.export.to_pytorch(source)
    h = torch.tensor(POINTS, requires_grad=True)
    value = phi(h)
    value.sum().backward()
    check(vg.activation(source), value.detach().numpy(), h.grad.numpy(), 4e-15)
    assert phi(h.float()).dtype == torch.float32


def test_pytorch_gradients_pass_gradcheck():
    torch = pytest.importorskip("torch")
    h = torch.linspace(-3, 3, 14, dtype=torch.float64, requires_grad=True)
    for name in ("gelu", "mish", "selu"):
        assert torch.autograd.gradcheck(vg.export.to_pytorch(name), (h,))


@pytest.mark.parametrize("source", NAMES + FORMULAS)
def test_jax(source):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        phi = vg.export.to_jax(source)
        value = jax.jit(phi)(POINTS)
        slope = jax.vmap(jax.grad(phi))(jax.numpy.asarray(POINTS))
        check(vg.activation(source), np.asarray(value), np.asarray(slope), 1e-14)


def test_scaled_erfc_everywhere():
    from scipy.special import erfcx

    x = np.concatenate([[0.0], np.geomspace(1e-10, 1e12, 2001)])
    y = 1 - 2 * CENTER / (x + CENTER)
    seen = np.polynomial.chebyshev.chebval(y, chebyshev_coefficients()) / (1 + 2 * x)
    np.testing.assert_allclose(seen, erfcx(x), rtol=4e-15)


def test_names_in_c_are_identifiers():
    with pytest.raises(InputError, match="identifier"):
        vg.export.to_c("tanh", name="x; system(")
    assert "double activation(double x)" in vg.export.to_c("x*tanh(x)")


def test_symbolic_parameters_are_refused():
    with pytest.raises(InputError):
        vg.export.to_c(vg.Activation("alpha*tanh(x)"))
