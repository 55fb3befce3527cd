"""What a study of random networks may ask for: its arguments, memory and work before it runs, its numbers after."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError, UnsupportedError, shown
from vgtheory.study.machine import available_bytes, core_count
from vgtheory.study.prepared import Prepared

LONGEST_SAMPLE = 3600.0  # seconds on one core: what one sample has done is lost when it is stopped
LONGEST_STUDY = 86400.0  # seconds on this machine's cores; other executors may have more of them


def need_executor(value: Any) -> None:
    """Raise InputError unless the value is None or takes work as a ``concurrent.futures.Executor`` does."""
    if value is not None and not callable(getattr(value, "submit", None)):
        accepted = "a concurrent.futures.Executor"
        raise InputError("executor", accepted, "leave it out for threads, one per core", got=shown(value))


def check_memory(samples: int, depth: int, numbers: int) -> None:
    """Raise InputError if results of so many numbers per sample and layer need more than half of the memory."""
    needed, limit = samples * depth * 8 * numbers, available_bytes() // 2
    if needed > limit:
        raise InputError(
            "samples",
            f"results of up to {limit / 2**30:.1f} GiB, half of this machine's memory",
            f"take at most {max(1, limit // (depth * 8 * numbers)):,} samples, or several seeds one after another",
            got=f"{samples:,} at depth {depth:,} ({needed / 2**30:.1f} GiB of results)",
        )


def check_work(samples: int, seconds: float, elsewhere: bool) -> None:
    """Raise InputError for a study that would take too long, `seconds` for each sample on one core.

    `elsewhere` says that it runs on an executor of the caller's, whose cores are not known.
    """
    if seconds > LONGEST_SAMPLE:
        raise InputError(
            "a network this deep and wide",
            f"one that takes up to {LONGEST_SAMPLE / 3600:g} hour per sample on one core",
            f"take a smaller width or depth: one sample of this one takes about {duration(seconds)}",
        )
    total = samples * seconds / core_count()
    if total > LONGEST_STUDY and not elsewhere:
        raise InputError(
            "samples",
            f"a study of up to {LONGEST_STUDY / 3600:g} hours on this machine",
            f"take at most {max(1, int(samples * LONGEST_STUDY / total)):,} samples, a smaller width or depth, or an "
            "executor with more cores",
            got=f"{samples:,}, which take about {duration(total)} on {core_count()} cores",
        )


def check_range(prepared: Prepared, gradient: NDArray[np.float64], length: NDArray[np.float64]) -> None:
    """Raise UnsupportedError if signal or slopes left float64's range; ln of gradients and lengths: (sample, layer)."""
    bad = np.isnan(gradient) | np.isnan(length)
    if prepared.saturates or (prepared.flat_at_zero and prepared.network.skip is None):
        bad |= np.isneginf(gradient)
    if bad.any():
        far = ~np.isfinite(length).all(axis=0)
        raise out_of_range(prepared, f" at layer {int(np.argmax(far)) + 1}" if far.any() else "")


def out_of_range(prepared: Prepared, where: str = "") -> UnsupportedError:
    """Return the error that names what left the range of float64: the slopes or the signal."""
    name = prepared.network.activation.name
    if prepared.saturates and not prepared.flat_at_zero:
        return UnsupportedError(
            f"the slopes of {name} leave the range of float64{where}: units are so far saturated that φ' underflows "
            "to 0; use smaller sigma_w and sigma_b"
        )
    return UnsupportedError(
        f"the signal of {name} leaves the range of float64{where}: it is not close to linear there; use a smaller "
        "sigma_w or fewer layers"
    )


def duration(seconds: float) -> str:
    """Return a time in words, to two digits.

    >>> duration(8e4), duration(3e6)
    ('22 hours', '35 days')
    """
    for unit, length in (("years", 3.156e7), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{float(f'{seconds / length:.2g}'):,.0f} {unit}"
    return f"{seconds:.2g} seconds"
