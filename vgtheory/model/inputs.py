"""`Inputs`: what a network is given: cosines between several inputs, or what drives a recurrent cell at every step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError, shown

Drive = Literal["fresh", "same", "none", "given"]
Rows = tuple[tuple[float, ...], ...]

MAX_INPUTS = 128
MAX_NUMBERS = 10**7  # of a sequence
_ROUNDING = 1e-12  # of the diagonal, of the symmetry and of the smallest eigenvalue of a matrix of cosines


@dataclass(frozen=True)
class Inputs:
    """The inputs of a network.

    Dense networks and stacks: ``correlation`` gives k inputs with ‖x_0‖² = N_0 and these cosines; without it there is
    one.  Recurrent cells: at every step a normal number of variance ``variance`` is added to every pre-activation of
    every gate and unit (V x_t, not x_t), and the state starts from components of mean square ``start``.

    Parameters
    ----------
    variance : of the number that is added, at least 0.
    kind : "fresh", new numbers at every step; "same", drawn once per sample and repeated, also where weights are not
        tied; "none", nothing is added; "given", by a sequence.
    correlation : cosine of the angle between two inputs, or the k × k matrix of cosines, k at most 128.
    start : mean square of the components of h_0; 0 is the zero state.
    sequence : x_1, ..., x_T as the columns of an array (features, T), T the number of steps.  V x_t is added, where V,
        drawn once per sample, has entries of variance `variance` over the number of features: columns that are equal
        do what "same" does, orthogonal ones of mean square 1 what "fresh" does.

    Raises
    ------
    InputError : a value outside what is accepted.

    Examples
    --------
    >>> Inputs(correlation=0.6).cosines.tolist()
    [[1.0, 0.6], [0.6, 1.0]]
    >>> Inputs(variance=0.25, kind="same").spec
    {'variance': 0.25, 'kind': 'same', 'start': 0.0}
    >>> Inputs(sequence=[[1.0, 0.0, -1.0]]).steps
    3
    """

    variance: float
    kind: Drive
    correlation: Rows | None
    start: float
    sequence: Rows | None

    def __init__(
        self,
        variance: Any = 1.0,
        kind: Any = "fresh",
        correlation: Any = None,
        start: Any = 0.0,
        sequence: Any = None,
    ) -> None:
        if not isinstance(kind, str) or kind not in get_args(Drive):
            raise InputError("kind", "one of " + ", ".join(get_args(Drive)), "e.g. kind='fresh'", got=f"{kind!r}")
        if (kind == "given" and sequence is None) or (sequence is not None and kind not in ("fresh", "given")):
            raise InputError(
                f"kind {kind!r} {'without' if sequence is None else 'beside'} a sequence", "one of them",
                "leave kind out where a sequence is given",
            )  # fmt: skip
        object.__setattr__(self, "variance", _mean_square("variance", variance))
        object.__setattr__(self, "kind", kind if sequence is None else "given")
        object.__setattr__(self, "correlation", None if correlation is None else _cosines(correlation))
        object.__setattr__(self, "start", _mean_square("start", start))
        object.__setattr__(self, "sequence", None if sequence is None else _sequence(sequence))

    @property
    def count(self) -> int:
        """Return k, the number of inputs; 1 without a correlation."""
        return 1 if self.correlation is None else len(self.correlation)

    @property
    def cosines(self) -> NDArray[np.float64]:
        """Return the cosines between the inputs, shape (k, k)."""
        return np.array(self.correlation or ((1.0,),))

    @property
    def steps(self) -> int | None:
        """Return the number of steps of a given sequence."""
        return None if self.sequence is None else len(self.sequence[0])

    @cached_property
    def factors(self) -> NDArray[np.float64]:
        """Return R (r, steps) with RᵀR = XᵀX/features for a given sequence X: V x_t is √variance times normal numbers
        that are the same at every step, r of them for each unit, times the t-th column.
        """
        x = np.array(self.sequence)
        r: NDArray[np.float64] = np.asarray(np.linalg.qr(x, mode="r"))
        return r / math.sqrt(len(x))

    @property
    def drive(self) -> float:
        """Return the variance of what a cell is given at a step: ``variance``, and 0 where nothing is added."""
        return 0.0 if self.kind == "none" else self.variance

    @property
    def spec(self) -> dict[str, Any]:
        """Return a plain, JSON-ready description; equal inputs have equal specs."""
        spec: dict[str, Any] = {"variance": self.variance, "kind": self.kind, "start": self.start}
        tables = {"correlation": self.correlation, "sequence": self.sequence}
        return spec | {name: [list(row) for row in rows] for name, rows in tables.items() if rows is not None}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Inputs:
        """Return the inputs that a :attr:`spec` describes.

        Raises InputError where the description is not one that :attr:`spec` gives.

        >>> Inputs.from_spec(Inputs(correlation=0.6).spec) == Inputs(correlation=0.6)
        True
        """
        names = ("variance", "kind", "start", "correlation", "sequence")
        if not isinstance(spec, Mapping) or not set(spec) <= set(names):
            raise InputError("a description of inputs", "a mapping of " + ", ".join(names), "see Inputs.spec")
        return cls(**spec)


def to_inputs(value: Any) -> Inputs:
    """Return the inputs that an argument stands for: Inputs, or a whole number k for k orthogonal ones.

    >>> to_inputs(1) == Inputs(), to_inputs(2) == Inputs(correlation=0)
    (True, True)
    """
    if isinstance(value, Inputs):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value <= MAX_INPUTS:
        accepted = f"a whole number from 1 to {MAX_INPUTS}, or a vg.Inputs"
        raise InputError("inputs", accepted, "e.g. inputs=vg.Inputs(correlation=0.6)", got=_shown(value))
    return Inputs(correlation=np.eye(int(value))) if value > 1 else Inputs()


def to_drive(value: Any) -> Inputs:
    """Return the one input, or what drives a cell, that an argument stands for; raise InputError for several inputs."""
    inputs = to_inputs(value)
    if inputs.count > 1:
        raise InputError("inputs", "one input, or what drives a cell", "leave the correlation out", got=shown(value))
    return inputs


def check_inputs(inputs: Inputs, recurrent: bool, depth: int) -> None:
    """Raise InputError for inputs that drive cells, of a network that has none, and for a sequence of other steps."""
    if not recurrent and replace(inputs, correlation=None) != Inputs():
        raise InputError(
            "inputs of a network without cells",
            "a number of inputs, or their correlation",
            "variance, kind, sequence and start are for recurrent cells: leave them out",
            got=shown(inputs),
        )
    if inputs.steps not in (None, depth):
        raise InputError(
            "sequence", f"an array of {depth} columns, as many as the network has steps",
            f"cut it, or set depth={inputs.steps}", got=f"{inputs.steps} columns",
        )  # fmt: skip


def _sequence(value: Any) -> Rows:
    """Return the rows of a sequence, checked."""
    try:
        x = np.array(math.nan) if isinstance(value, (str, bytes, bool)) else np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        x = np.array(math.nan)
    if x.ndim != 2 or not 1 <= x.size <= MAX_NUMBERS or not np.isfinite(x).all():
        raise InputError(
            "sequence", f"an array (features, steps) of finite numbers, {MAX_NUMBERS:,} at most",
            "e.g. sequence=np.ones((1, 50))", got=_shown(value),
        )  # fmt: skip
    return tuple(tuple(row) for row in x.tolist())


def _mean_square(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (str, bytes, bool)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise InputError(name, "a finite number of at least 0", f"e.g. {name}=1.0", got=_shown(value))
    return number


def _cosines(value: Any) -> Rows:
    """Return the matrix of cosines, checked, exactly symmetric and with ones on its diagonal."""
    try:
        given = np.array(math.nan) if isinstance(value, (str, bytes, bool)) else np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        given = np.array(math.nan)
    matrix = np.array([[1.0, given], [given, 1.0]]) if given.ndim == 0 else given
    if not _are_cosines(matrix):
        accepted = (
            f"a cosine, or a symmetric matrix of cosines of at most {MAX_INPUTS} inputs, with ones on its diagonal and "
            "no negative eigenvalue"
        )
        raise InputError("correlation", accepted, "e.g. correlation=0.6", got=_shown(value))
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    return tuple(tuple(row) for row in np.clip(matrix, -1.0, 1.0).tolist())


def _are_cosines(matrix: NDArray[np.float64]) -> bool:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not 1 <= len(matrix) <= MAX_INPUTS:
        return False
    return bool(
        np.isfinite(matrix).all()
        and np.allclose(matrix, matrix.T, rtol=0, atol=_ROUNDING)
        and np.allclose(np.diagonal(matrix), 1.0, rtol=0, atol=_ROUNDING)
        and np.linalg.eigvalsh(matrix)[0] >= -_ROUNDING * len(matrix)
    )


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
