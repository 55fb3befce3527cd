"""Special functions that SymPy lacks."""

from __future__ import annotations

from typing import Any

import mpmath
import sympy as sp


class erfcx(sp.Function):
    r"""The scaled complementary error function exp(x²) erfc(x) = (2/√π) ∫_0^∞ e^{−t² − 2xt} dt.

    It stays of order 1/x where exp(x²) overflows and erfc(x) underflows, hence Gaussian means of exponentials are
    written with it.

    >>> erfcx(0), erfcx(sp.Integer(10) ** 6).evalf(10)
    (1, 5.641895835e-7)
    """

    nargs = 1
    is_extended_real = True
    is_positive = True

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        """Return the value at 0; anything else stays."""
        return sp.S.One if x.is_zero else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the derivative 2x erfcx(x) − 2/√π."""
        x = self.args[0]
        return 2 * x * erfcx(x) - 2 / sp.sqrt(sp.pi)

    def _eval_rewrite_as_erfc(self, x: sp.Expr, **_: Any) -> sp.Expr:
        return sp.exp(x**2) * sp.erfc(x)

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        x = self.args[0]._eval_evalf(prec + 20) if not self.args[0].is_Float else self.args[0]
        if x is None or not x.is_real or not x.is_number:
            return None
        # exp(x²) loses as many digits as x² has before the point.
        with mpmath.workprec(prec + 20 + 2 * max(0, int(mpmath.log(abs(mpmath.mpf(x)) + 1, 2)))):
            t = mpmath.mpf(self.args[0].evalf(mpmath.mp.dps + 5))
            return sp.Float._new((mpmath.exp(t * t) * mpmath.erfc(t))._mpf_, prec)
