"""Types of operators on numbers, worked out once: part of what Numba does not promise.

For every `a + b` Numba tries the additions of strings, sets, lists and dates as well: a fifth of the compiler's Python
on a kernel of scalars.
"""

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba import types
from numba.core.types.functions import BaseFunction

OPERATORS = frozenset(found for found in vars(operator).values() if callable(found))
_known: dict[tuple[Any, ...], Any] = {}


@contextmanager
def remembered_operators() -> Iterator[None]:
    """Ask Numba once for the type of an operator on given types of numbers; for whoever holds the compiler's lock.

    Of numbers alone: their operators are instructions, whose code does not depend on the options of whoever asks.
    """
    ask = BaseFunction.get_call_type

    def get_call_type(function: Any, context: Any, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        plain = function.key[0] in OPERATORS and not kws
        if not plain or not all(isinstance(given, (types.Number, types.Boolean)) for given in args):
            return ask(function, context, args, kws)
        question = function, context, tuple(args)
        if question not in _known:
            _known[question] = ask(function, context, args, kws)
        return _known[question]

    BaseFunction.get_call_type = get_call_type
    try:
        yield
    finally:
        BaseFunction.get_call_type = ask
