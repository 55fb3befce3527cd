"""φ and φ' together as the peers compute them: the textbook formulas, derived by SymPy, given to each of them."""

import importlib.util
from collections.abc import Callable

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy import special

from vgtheory.symbolic.activation import Activation

Both = Callable[[], object]


def numeric(e: sp.Expr) -> sp.Expr:
    """Return the expression with its constants as floats, which frameworks' functions need; powers stay powers."""
    if e.is_number:
        return e if e.is_Integer else sp.Float(sp.N(e, 20), 17)
    if not e.args:
        return e
    if e.is_Pow and e.exp.is_Rational:
        return e.func(numeric(e.base), e.exp)
    return e.func(*map(numeric, e.args))


def formulas(act: Activation) -> list[sp.Expr]:
    return [numeric(act.expr), numeric(act.derivative())]


def numpy_both(act: Activation, h: NDArray) -> Both:
    f = sp.lambdify(act.symbol, formulas(act), [{"erf": special.erf}, "numpy"], cse=True)

    def run() -> object:
        with np.errstate(all="ignore"):
            return [_written(v, h) for v in f(h)]

    return run


def _written(value: NDArray | float, h: NDArray) -> NDArray:
    """Return the values as an array of their own: φ(h) = h and φ' = 1 cost nothing where nobody has to write them."""
    return np.full_like(h, value) if value is h or np.ndim(value) == 0 else value


def numexpr_both(act: Activation, h: NDArray) -> Both:
    import numexpr

    numexpr.set_num_threads(1)
    parts = [sp.lambdify(act.symbol, e, "numexpr") for e in formulas(act)]
    return lambda: [f(h) for f in parts]


def jax_both(act: Activation, h: NDArray) -> Both:
    import jax

    jax.config.update("jax_enable_x64", True)
    f = jax.jit(sp.lambdify(act.symbol, formulas(act), "jax", cse=True))
    x = jax.numpy.asarray(h)
    assert x.dtype == h.dtype
    return lambda: jax.block_until_ready(f(x))


def torch_both(act: Activation, h: NDArray) -> Both:
    import torch

    torch.set_num_threads(1)
    f = torch.compile(sp.lambdify(act.symbol, formulas(act), "torch", cse=True))
    x = torch.from_numpy(h)
    return lambda: [torch.full_like(x, v) if not torch.is_tensor(v) else v.clone() if v is x else v for v in f(x)]


def heyoka_both(act: Activation, h: NDArray) -> Both:
    import heyoka

    parts = [heyoka.from_sympy(e) for e in formulas(act)]
    f = heyoka.cfunc(parts, vars=[heyoka.make_vars(act.symbol.name)], fp_type=h.dtype.type)
    out = np.empty((2, h.size), h.dtype)
    return lambda: f(h[None], outputs=out)


PEERS = {"numpy": numpy_both, "numexpr": numexpr_both, "jax": jax_both, "torch": torch_both, "heyoka": heyoka_both}


def installed() -> list[str]:
    return [name for name in PEERS if importlib.util.find_spec(name) is not None]
