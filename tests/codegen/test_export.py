"""Exports to C, PyTorch and JAX give the numbers of the compiled activation."""

import ctypes
import ctypes.util
import math
import shutil
import subprocess

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy import special

import vgtheory as vg
from tests.thinning import thinned
from vgtheory._errors import InputError, VgtheoryError
from vgtheory.codegen.compiled import compile_activation
from vgtheory.codegen.export.c_names import is_reserved
from vgtheory.codegen.export.scaled_erfc import CENTER, chebyshev_coefficients

POINTS = np.concatenate([
    [-np.inf, -1e300, -1e5, -1000.0, -40.0, 40.0, 1000.0, 1e5, 1e300, np.inf],
    np.linspace(-12, 12, 481), [-1e-9, 0.0, 1e-9, -1e-300, 1e-300],
])  # fmt: skip
NAMES = sorted(name for name in vg.catalogue if name != "step")
FORMULAS = [
    "x*tanh(exp(x))",
    "log(1 + x**2)",
    "x*tanh(log(1 + exp(x)))",
    "x/(1 + exp(-1.7*x))",
    "Max(x, 0.1*x)",
    "exp(-x**2)*sin(3*x)",
    "x*erf(x/sqrt(2))/sqrt(1 + x**2)",
]


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
        (folder / f"a{k}.c").write_text(vg.export.to_c(act, name=None if act.name in NAMES else f"act{k}"))
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
    name = f"vg_{act.name}" if act.name in NAMES else f"act{index}"
    check(act, called(name), called(f"{name}_gradient"), 4e-15)


@pytest.mark.parametrize("source", thinned(NAMES + FORMULAS, 4))
def test_pytorch(source):
    torch = pytest.importorskip("torch")
    phi = vg.export.to_pytorch(source)
    h = torch.tensor(POINTS, requires_grad=True)
    value = phi(h)
    value.sum().backward()
    check(vg.activation(source), value.detach().numpy(), h.grad.numpy(), 4e-15)
    assert phi(h.float()).dtype == torch.float32


@pytest.mark.parametrize("source", ["isru", "squareplus", "bent_identity"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pytorch_far_out(source, dtype):
    torch = pytest.importorskip("torch")
    sizes = [2.0, 1e30, 3e38, *([1e160, 1e300] if dtype == "float64" else []), math.inf]
    x = np.array([*sizes, *(-s for s in sizes), math.nan], dtype=dtype)
    with np.errstate(over="ignore"):
        expected = compile_activation(source)(x.astype(float)).astype(dtype)
    np.testing.assert_allclose(
        vg.export.to_pytorch(source)(torch.from_numpy(x)).numpy(), expected, rtol=1e-6 if dtype == "float32" else 1e-14
    )


def test_pytorch_gradients_pass_gradcheck():
    torch = pytest.importorskip("torch")
    h = torch.linspace(-3, 3, 14, dtype=torch.float64, requires_grad=True)
    for name in ("gelu", "mish", "selu"):
        assert torch.autograd.gradcheck(vg.export.to_pytorch(name), (h,))
        assert torch.autograd.gradgradcheck(vg.export.to_pytorch(name), (h,))


HIGHER = ["gelu", "tanh", "x*erfc(-x)", "mish", "selu", "x/(1+abs(x))", "sin(x)*exp(-x**2)", "relu"]
AT = [-1e5, -30.0, -3.0, -0.7, -1e-3, 0.0, 1e-3, 0.3, 2.0, 30.0, 1e5]


def true_derivative(name, order):
    """The derivative by mpmath to 60 digits, on the piece to the left of each point."""
    act = vg.activation(name)
    with mpmath.workdps(60):
        parts = [(p.hi, sp.lambdify(act.symbol, p.expr, "mpmath")) for p in act.derivative_pieces(order)]
        return np.array([float(next(f for hi, f in parts if x <= hi)(mpmath.mpf(x))) for x in AT])


@pytest.mark.parametrize("name", HIGHER)
def test_pytorch_has_derivatives_of_every_order(name):
    torch = pytest.importorskip("torch")
    h = torch.tensor(AT, dtype=torch.float64, requires_grad=True)
    found = vg.export.to_pytorch(name)(h)
    for order in range(4):
        np.testing.assert_allclose(found.detach(), true_derivative(name, order), rtol=2e-14, atol=1e-15)
        if order < 3:
            (found,) = torch.autograd.grad(found.sum(), h, create_graph=True)


def test_pytorch_loss_on_a_gradient():
    """What a gradient penalty asks for: y + g² with y = tanh, g = y' at 0.3."""
    torch = pytest.importorskip("torch")
    h = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    y = vg.export.to_pytorch("tanh")(h)
    (g,) = torch.autograd.grad(y, h, create_graph=True)
    (y + g**2).backward()
    t = np.tanh(0.3)
    assert h.grad.item() == pytest.approx((1 - t**2) * (1 - 4 * t * (1 - t**2)), rel=1e-14)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own, on the way to jvp
def test_pytorch_functional_transforms():
    torch = pytest.importorskip("torch")
    phi = vg.export.to_pytorch("mish")
    h = torch.linspace(-2, 2, 5, dtype=torch.float64)
    second = torch.func.vmap(torch.func.grad(torch.func.grad(phi)))(h)
    along = torch.func.jvp(torch.func.vmap(torch.func.grad(phi)), (h,), (torch.ones_like(h),))[1]
    assert torch.equal(second, along)
    assert torch.allclose(torch.func.hessian(lambda v: phi(v).sum())(h), torch.diag(second), rtol=1e-15)


def test_pytorch_refuses_what_is_not_a_tensor_of_floats():
    torch = pytest.importorskip("torch")
    for wrong in (0.3, None, np.zeros(2), torch.arange(3), torch.zeros(2, dtype=torch.complex64)):
        with pytest.raises(InputError, match="floating-point"):
            vg.export.to_pytorch("tanh")(wrong)


@pytest.mark.parametrize("source", thinned(NAMES + FORMULAS, 4))
def test_jax(source):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        phi = vg.export.to_jax(source)
        value = jax.jit(phi)(POINTS)
        slope = jax.vmap(jax.grad(phi))(jax.numpy.asarray(POINTS))
        check(vg.activation(source), np.asarray(value), np.asarray(slope), 1e-14)


@pytest.mark.parametrize("name", HIGHER)
def test_jax_has_derivatives_of_every_order(name):
    jax = pytest.importorskip("jax")
    for x64, tolerance in ((True, 2e-14), (False, 2e-6)):
        with jax.enable_x64(x64):
            function = vg.export.to_jax(name)
            for order in range(4):
                found = jax.jit(jax.vmap(function))(jax.numpy.asarray(AT))
                np.testing.assert_allclose(found, true_derivative(name, order), rtol=tolerance, atol=tolerance)
                function = jax.grad(function)


def test_jax_differentiates_forwards_over_backwards():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        phi = vg.export.to_jax("gelu")
        assert jax.grad(jax.grad(phi))(0.0) == pytest.approx(np.sqrt(2 / np.pi), rel=1e-15)
        both = jax.jvp(jax.grad(phi), (0.0,), (1.0,))[1], jax.hessian(phi)(0.0)
        assert both == pytest.approx([np.sqrt(2 / np.pi)] * 2, rel=1e-15)


def test_scaled_erfc_everywhere():
    from scipy.special import erfcx

    x = np.concatenate([[0.0], np.geomspace(1e-10, 1e12, 2001)])
    y = 1 - 2 * CENTER / (x + CENTER)
    seen = np.polynomial.chebyshev.chebval(y, chebyshev_coefficients()) / (1 + 2 * x)
    np.testing.assert_allclose(seen, erfcx(x), rtol=4e-15)


def test_names_in_c_are_identifiers():
    for wrong in ("x; system(", "", "2tanh", "é", 3, b"tanh"):
        with pytest.raises(InputError, match="identifier"):
            vg.export.to_c("tanh", name=wrong)
    assert "double vg_activation(double x)" in vg.export.to_c("x*tanh(x)")
    assert "double vg_sin(double x)" in vg.export.to_c("sin")


@pytest.mark.parametrize("name", ["double", "for", "sin", "tanhf", "printf", "strange", "_Bool", "class", "exp_sum"])
def test_names_that_c_has_already_are_refused(name):
    with pytest.raises(InputError, match="leave free"):
        vg.export.to_c("tanh", name=name)


def test_every_function_of_the_mathematical_library_is_refused():
    found = ctypes.util.find_library("m")
    if found is None:
        pytest.skip("no separate mathematical library")
    in_library = [name for name in {*dir(math), *dir(np), *dir(special)} if hasattr(ctypes.CDLL(found), name)]
    assert len(in_library) > 40
    assert [name for name in in_library if not is_reserved(name)] == []


@pytest.mark.parametrize("wrong", [None, 3, [1.0], np.zeros(2)])
def test_what_is_no_activation_is_refused(wrong):
    for export in (vg.export.to_c, vg.export.to_pytorch, vg.export.to_jax, vg.compile):
        with pytest.raises(VgtheoryError):
            export(wrong)


def test_symbolic_parameters_are_refused():
    with pytest.raises(InputError):
        vg.export.to_c(vg.Activation("alpha*tanh(x)"))
