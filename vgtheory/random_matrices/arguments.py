"""What callers give, read and checked: numbers of a range, choices, arrays, seeds."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from vgtheory._errors import InputError

RandomState = int | Sequence[int] | np.random.Generator | None


def positive(name: str, value: Any) -> float:
    """Return a parameter as a float, which must be finite and positive."""
    if not isinstance(value, Real) or not np.isfinite(float(value)) or float(value) <= 0:
        raise InputError(name, "a finite positive number", f"e.g. {name}=1.0", got=f"{value!r}"[:60])
    return float(value)


def finite(name: str, value: Any) -> float:
    """Return one finite number as a float."""
    at = numbers(name, value)
    if at.ndim or not np.isfinite(at):
        raise InputError(name, "one finite number", f"give {name}=0.5", got=f"{value!r}"[:60])
    return float(at)


def between(name: str, value: Any, least: float, most: float = np.inf) -> float:
    """Return a parameter as a float, which must be finite with least ≤ value ≤ most."""
    if not isinstance(value, Real) or not np.isfinite(float(value)) or not least <= float(value) <= most:
        accepted = f"a number from {least:g} to {most:g}" if np.isfinite(most) else f"a finite number ≥ {least:g}"
        raise InputError(name, accepted, f"e.g. {name}={least:g}", got=f"{value!r}"[:60])
    return float(value)


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Return a parameter as an int, which must be at least `least` and at most `most`."""
    inside = isinstance(value, Integral) and int(value) >= least and (most is None or int(value) <= most)
    if isinstance(value, bool) or not inside:
        accepted = f"an integer of at least {least}" if most is None else f"an integer from {least} to {most}"
        raise InputError(name, accepted, f"give {name}={max(least, 1)}", got=f"{value!r}"[:60])
    return int(value)


def choice(name: str, value: Any, accepted: Sequence[Any]) -> Any:
    """Return a parameter that must be one of a few values."""
    if not isinstance(value, (str, Real)) or isinstance(value, bool) or value not in accepted:
        listed = ", ".join(str(a) for a in accepted)
        raise InputError(name, f"one of {listed}", f"give {name}={accepted[0]!r}", got=f"{value!r}"[:60])
    return accepted[list(accepted).index(value)]


def numbers(name: str, value: Any) -> np.ndarray:
    """Return an argument of a law as an array of doubles, of any shape."""
    return _array(name, value, "biuf", "a real number or an array of them", "0.5").astype(float)


def real_numbers(name: str, value: Any, hint: str) -> np.ndarray:
    """Return eigenvalues as an array of doubles, of any shape; complex ones are refused with the hint."""
    found = _array(name, value, "biufc", "a real number or an array of them", "0.5")
    if np.iscomplexobj(found):
        raise InputError(f"complex {name}", "real ones", hint)
    return found.astype(float)


def complex_numbers(name: str, value: Any) -> np.ndarray:
    """Return an argument of a transform or of a law in the plane as an array of complex doubles."""
    return _array(name, value, "biufc", "a complex number or an array of them", "1 + 1j").astype(complex)


def _array(name: str, value: Any, kinds: str, accepted: str, example: str) -> np.ndarray:
    try:
        found = np.asarray(value)
        if found.dtype.kind in kinds:
            return found
    except (TypeError, ValueError):
        pass
    shown = type(value).__name__ if isinstance(value, (list, tuple, np.ndarray)) else f"{value!r}"[:60]
    raise InputError(name, accepted, f"give {name}={example}", got=shown)


def generator(random_state: Any) -> np.random.Generator:
    """Return the generator of random numbers that a seed stands for."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise InputError(
            "random_state",
            "an integer ≥ 0, a numpy Generator or None",
            "give random_state=0",
            got=f"{random_state!r}"[:60],
        ) from None


def shape_of(size: Any) -> int | tuple[int, ...] | None:
    """Return how many draws are wanted: None for one number, an integer, or a shape."""
    if size is None:
        return None
    parts = size if isinstance(size, (tuple, list)) else (size,)
    if all(isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= 0 for n in parts):
        return tuple(int(n) for n in parts)
    raise InputError("size", "an integer ≥ 0 or a shape", "give size=1000", got=f"{size!r}"[:60])
