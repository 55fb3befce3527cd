"""What callers give, read and checked: numbers of a range, choices, arrays, seeds."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from vgtheory._errors import InputError, shown

RandomState = int | Sequence[int] | np.random.Generator | None


def positive(name: str, value: Any) -> float:
    """Return a parameter as a float, which must be finite and positive."""
    if not isinstance(value, Real) or not np.isfinite(float(value)) or float(value) <= 0:
        raise InputError(name, "a finite positive number", f"e.g. {name}=1.0", got=shown(value))
    return float(value)


def finite(name: str, value: Any) -> float:
    """Return one finite number as a float."""
    at = numbers(name, value)
    if at.ndim or not np.isfinite(at):
        raise InputError(name, "one finite number", f"give {name}=0.5", got=shown(value))
    return float(at)


def between(
    name: str, value: Any, least: float = -np.inf, most: float = np.inf, without: tuple[float, ...] = ()
) -> float:
    """Return a parameter as a float, which must be finite with least ≤ value ≤ most, but none of the ends `without`."""
    inside = isinstance(value, Real) and np.isfinite(float(value)) and least <= float(value) <= most
    if not inside or float(value) in without:
        raise InputError(
            name, _range(least, most, without), f"give {name}={_inner(least, most, without):g}", shown(value)
        )
    return float(value)


def _range(least: float, most: float, without: tuple[float, ...]) -> str:
    """Return the words for a range of finite numbers."""
    low, high = f"{least:g}", f"{most:g}"
    if np.isinf(least) and np.isinf(most):
        return "one finite number"
    if np.isinf(most):
        return f"a finite number above {low}" if least in without else f"a finite number of at least {low}"
    if least in without:
        return f"a number between {low} and {high}" if most in without else f"a number above {low} and at most {high}"
    return f"a number from {low} to {high}"


def _inner(least: float, most: float, without: tuple[float, ...]) -> float:
    """Return a number of a range, as an example."""
    if np.isfinite(least) and np.isfinite(most):
        return (least + most) / 2
    if np.isinf(least):
        return 0.5
    return least + 1 if least in without else least


def confidence(name: str, value: Any) -> float:
    """Return the level of an interval, above 0 and below 1."""
    if not isinstance(value, Real) or not 0 < float(value) < 1:
        raise InputError(name, "a number between 0 and 1", f"give {name}=0.95", got=shown(value))
    return float(value)


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Return a parameter as an int, which must be at least `least` and at most `most`."""
    inside = isinstance(value, Integral) and int(value) >= least and (most is None or int(value) <= most)
    if isinstance(value, bool) or not inside:
        accepted = f"an integer of at least {least}" if most is None else f"an integer from {least} to {most}"
        raise InputError(name, accepted, f"give {name}={max(least, 1)}", got=shown(value))
    return int(value)


def choice(name: str, value: Any, accepted: Sequence[Any]) -> Any:
    """Return a parameter that must be one of a few values."""
    if not isinstance(value, (str, Real)) or isinstance(value, bool) or value not in accepted:
        listed = ", ".join(str(a) for a in accepted)
        raise InputError(name, f"one of {listed}", f"give {name}={accepted[0]!r}", got=shown(value))
    return accepted[list(accepted).index(value)]


def numbers(name: str, value: Any) -> np.ndarray:
    """Return an argument of a law as an array of doubles, of any shape."""
    return _array(name, value, "biuf", "a real number or an array of them", f"give {name}=0.5").astype(float)


def eigenvalues_of(name: str, value: Any, hint: str) -> np.ndarray:
    """Return eigenvalues as an array of doubles, of any shape; complex ones are refused with the hint."""
    found = _array(name, value, "biufc", "an array of real numbers", "give vg.ensembles.goe(100).eigenvalues(), say")
    if np.iscomplexobj(found):
        raise InputError(f"complex {name}", "real ones", hint)
    return found.astype(float)


def complex_numbers(name: str, value: Any) -> np.ndarray:
    """Return an argument of a transform or of a law in the plane as an array of complex doubles."""
    return _array(name, value, "biufc", "a complex number or an array of them", f"give {name}=1 + 1j").astype(complex)


def _array(name: str, value: Any, kinds: str, accepted: str, hint: str) -> np.ndarray:
    try:
        found = np.asarray(value)
        if found.dtype.kind in kinds:
            return found
    except (TypeError, ValueError):
        pass
    raise InputError(name, accepted, hint, got=shown(value))


def generator(random_state: Any) -> np.random.Generator:
    """Return the generator of random numbers that a seed stands for."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise InputError(
            "random_state",
            "an integer ≥ 0, a numpy Generator or None",
            "give random_state=0",
            got=shown(random_state),
        ) from None


def shape_of(size: Any) -> int | tuple[int, ...] | None:
    """Return how many draws are wanted: None for one number, an integer, or a shape."""
    if size is None:
        return None
    parts = size if isinstance(size, (tuple, list)) else (size,)
    if all(isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= 0 for n in parts):
        return tuple(int(n) for n in parts)
    raise InputError("size", "an integer ≥ 0 or a shape", "give size=1000", got=shown(size))
