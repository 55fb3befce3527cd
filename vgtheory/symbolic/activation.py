"""`Activation`: one SymPy expression in one real variable, from which everything else in the package is derived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import sympy as sp

from vgtheory._errors import FormulaError, InputError, UnsupportedError
from vgtheory.symbolic import calculus, domain
from vgtheory.symbolic.formula import exact
from vgtheory.symbolic.limits import limit_at_infinity
from vgtheory.symbolic.parser import TIME_LIMIT, parse, read
from vgtheory.symbolic.printing import displayed, to_latex
from vgtheory.symbolic.single_points import need_continuous, with_limits
from vgtheory.symbolic.specification import described, need_known, need_own_name, symbols_of, text_of
from vgtheory.symbolic.time_limit import TimeUp, time_limit

ACTIVATION_ENTRIES = frozenset({"activation", "expr", "symbol", "parameters", "symbols"})  # of a description


@dataclass(frozen=True, init=False, repr=False)
class Activation:
    """An activation function φ.

    Parameters
    ----------
    expr : a SymPy expression in one real symbol, or a formula string such as ``"x/(1+exp(-x))"``, parsed safely.
    name : what to call it; the formula itself by default.
    **parameters : values of the expression's further symbols, by name; a SymPy symbol keeps the parameter symbolic.

    Examples
    --------
    >>> Activation("Max(x, alpha*x)", alpha=0.2).derivative()
    Piecewise((1/5, x <= 0), (1, True))
    """

    expr: sp.Expr
    symbol: sp.Symbol
    name: str
    parameters: tuple[tuple[str, sp.Expr], ...]

    def __init__(self, expr: sp.Expr | str, name: str | None = None, **parameters: Any) -> None:
        if name is not None and not isinstance(name, str):
            raise InputError("name", "a text or None", "e.g. name='mine'", got=f"{name!r}"[:60])
        values = {key: exact(value) for key, value in parameters.items()}
        if isinstance(expr, str):
            name = name or expr.strip()
            formula, symbol, symbols = parse(expr, values.keys())
        else:
            formula, symbol, symbols = _split(expr, values.keys())
            name = name or str(expr)
        unknown = sorted(set(values) - set(symbols))
        if unknown:
            known = ", ".join(sorted(s.name for s in formula.free_symbols - {symbol})) or "none"
            raise InputError(f"parameter {unknown[0]!r}", f"a symbol of {formula} ({known})", "correct the name")
        # Parameters first: a symbolic value must not be taken for the variable afterwards.
        formula = formula.subs({symbols[key]: value for key, value in values.items()}, simultaneous=True)
        formula = need_continuous(formula, symbol)
        facts = symbol, name, tuple(sorted(values.items()))
        self._set(formula, *facts)
        try:
            with time_limit(TIME_LIMIT):
                try:
                    self._need_real()
                except FormulaError:  # as sin(x)/x is at 0, unless what it tends to is meant
                    filled = with_limits(formula, symbol)
                    if filled is formula:
                        raise
                    vars(self).clear()
                    self._set(filled, *facts)
                    self._need_real()
        except TimeUp:
            shown = f"{name[:40]!r}, which is not shown to be real everywhere within {TIME_LIMIT:g} s"
            raise FormulaError(shown, "a simpler formula", "simplify it") from None

    def _need_real(self) -> None:
        if self.is_numeric and any(domain.conditions(self.expr, self.symbol)):
            domain.need_real(calculus.one_period(self.expr, self.symbol) or self.pieces, self.symbol)

    @cached_property
    def pieces(self) -> tuple[calculus.Piece, ...]:
        """Return φ as smooth pieces on consecutive intervals."""
        try:
            with time_limit(TIME_LIMIT):
                return calculus.pieces(self.expr, self.symbol)
        except TimeUp:
            problem = f"the pieces of {self.name[:40]!r} are not found within {TIME_LIMIT:g} s"
            raise UnsupportedError(f"{problem}; simplify the arguments of Max, Min, abs and Piecewise") from None

    def derivative_pieces(self, order: int = 1) -> tuple[calculus.Piece, ...]:
        """Return the smooth pieces of the `order`-th derivative."""
        if not isinstance(order, int) or isinstance(order, bool) or order < 0:
            raise InputError("order", "an integer of at least 0", "ask for order=1", got=f"{order!r}")
        return calculus.differentiate(self.pieces, self.symbol, order)

    def derivative(self, order: int = 1) -> sp.Expr:
        """Return the `order`-th derivative away from the breakpoints, as SymPy in :attr:`symbol`; no DiracDelta."""
        parts = self.derivative_pieces(order)
        return calculus.assemble(parts, self.symbol) if order else self.expr

    @cached_property
    def breakpoints(self) -> tuple[sp.Expr, ...]:
        """Return the points where φ or a derivative of it is not smooth, in increasing order."""
        return tuple(p.hi for p in self.pieces[:-1])

    def jumps(self, order: int = 0) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """Return (breakpoint, right value − left value) of the `order`-th derivative, where that is not 0.

        >>> Activation("max(x, 0)").jumps(order=1)
        ((0, 1),)
        """
        return calculus.jumps(self.derivative_pieces(order), self.symbol)

    @cached_property
    def parity(self) -> Literal["even", "odd"] | None:
        """Return "even", "odd" or None (neither, or not shown to be)."""
        return calculus.parity(self.pieces, self.symbol)

    @cached_property
    def limits(self) -> tuple[sp.Expr | None, sp.Expr | None]:
        """Return the limits of φ at −∞ and at +∞: a number, ±oo, or None where no limit is shown (sin oscillates)."""
        left = self.pieces[0].expr.subs(self.symbol, -self.symbol)
        return limit_at_infinity(left, self.symbol), limit_at_infinity(self.pieces[-1].expr, self.symbol)

    @cached_property
    def homogeneous_degree(self) -> sp.Expr | None:
        """Return k if φ(t·x) = t^k φ(x) for all t > 0, else None.  1 for ReLU, leaky ReLU, |x| and the identity."""
        return calculus.homogeneous_degree(self.pieces, self.symbol)

    @property
    def is_numeric(self) -> bool:
        """Return whether every parameter has a value."""
        return self.expr.free_symbols <= {self.symbol}

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description, from which :meth:`from_spec` makes an equal activation."""
        values = [value for _, value in self.parameters]
        open_symbols = set().union(self.expr.free_symbols, *(v.free_symbols for v in values)) - {self.symbol}
        spec: dict[str, Any] = {
            "activation": self.name,
            "expr": str(self.expr),
            "symbol": self.symbol.name,
            "parameters": {key: str(value) for key, value in self.parameters},
        }
        if open_symbols:
            spec["symbols"] = assumptions(open_symbols)
        return spec

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Activation:
        """Return the activation that a :attr:`spec` describes; its texts are parsed, never evaluated.

        Raises FormulaError where a text is not one of the formulas that the parser reads, and InputError where the
        description is not one that :attr:`spec` gives.
        """
        with described("an activation"):
            need_known(spec, "an activation", ACTIVATION_ENTRIES)
            symbols = symbols_of(spec)
            symbol = sp.Symbol(text_of(spec, "symbol"), real=True)
            values = tuple(sorted((key, read(text_of(spec["parameters"], key), symbols)) for key in spec["parameters"]))
            expr = read(text_of(spec, "expr"), {**symbols, symbol.name: symbol})
            name = text_of(spec, "activation")
            need_own_name(name, expr, symbol, dict(values))
            self = object.__new__(cls)
            self._set(expr, symbol, name, values)
            return self

    def __repr__(self) -> str:
        values = "".join(f", {key}={value}" for key, value in self.parameters)
        return f"Activation({self.name!r}{values})"

    def __getstate__(self) -> tuple[sp.Expr, sp.Symbol, str, tuple[tuple[str, sp.Expr], ...]]:
        return self.expr, self.symbol, self.name, self.parameters  # what is cached is left behind

    def __setstate__(self, state: tuple[sp.Expr, sp.Symbol, str, tuple[tuple[str, sp.Expr], ...]]) -> None:
        self._set(*state)

    def _set(self, expr: sp.Expr, symbol: sp.Symbol, name: str, parameters: tuple[tuple[str, sp.Expr], ...]) -> None:
        for key, value in zip(("expr", "symbol", "name", "parameters"), (expr, symbol, name, parameters), strict=True):
            object.__setattr__(self, key, value)

    def _repr_latex_(self) -> str:
        return displayed(to_latex(self.expr))


def assumptions(symbols: Iterable[sp.Symbol]) -> dict[str, dict[str, bool]]:
    """Return what is assumed of each symbol, by name: with it, ``sp.Symbol(name, **facts)`` is the same symbol."""
    return {s.name: dict(sorted(s.assumptions0.items())) for s in sorted(symbols, key=lambda s: s.name)}


def _split(expr: sp.Expr, parameters: Any) -> tuple[sp.Expr, sp.Symbol, dict[str, sp.Symbol]]:
    if not isinstance(expr, sp.Expr):
        raise FormulaError(f"an activation of type {type(expr).__name__}", "a SymPy expression or a string", "pass one")
    symbols = {s.name: s for s in expr.free_symbols if s.name in parameters}
    free = sorted(expr.free_symbols - set(symbols.values()), key=lambda s: s.name)
    if len(free) > 1:
        names = ", ".join(s.name for s in free)
        other = next(s.name for s in free if s.name != "x")
        raise FormulaError(
            f"{expr} has {len(free)} variables ({names})", "one variable", f"fix the others, e.g. {other}=0.2"
        )
    variable = sp.Symbol(free[0].name if free else "x", real=True)
    return expr.subs({free[0]: variable}) if free else expr, variable, symbols
