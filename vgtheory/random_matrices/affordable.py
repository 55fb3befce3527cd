"""What a draw costs, refused before it begins where memory or an hour would not suffice."""

import os

from vgtheory._errors import InputError

MAX_SECONDS = 3600.0  # of one draw on one thread
_LEFT_FREE = 0.5  # the share of the machine's memory that a draw may take
_DENSE = 2e9  # multiply-adds per second in matrix products and factorisations, on the slow side


def machine_memory() -> float:
    """Return the bytes of memory of this machine."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * float(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not POSIX
        return 8e9


def require_affordable(what: str, numbers: float, seconds: float = 0.0, bytes_each: int = 8) -> None:
    """Raise InputError if so many numbers do not fit into memory, or making them takes more than an hour."""
    room, needed = _LEFT_FREE * machine_memory(), float(numbers) * bytes_each
    if needed > room:
        accepted = f"at most {room / 1e9:.3g} GB on this machine"
        raise InputError(f"{what} takes {needed / 1e9:.3g} GB", accepted, "choose a smaller size")
    if seconds > MAX_SECONDS:
        accepted = f"at most {MAX_SECONDS:g} s for one draw"
        raise InputError(f"{what} takes about {seconds:.2g} s", accepted, "choose a smaller size, or the limit law")


def dense_seconds(rows: float, columns: float | None = None, factor: float = 10.0) -> float:
    """Return about how long eigenvalues or singular values of a dense matrix take."""
    columns = rows if columns is None else columns
    return factor * float(rows) * float(columns) * float(min(rows, columns)) / _DENSE


def chain_seconds(count: float) -> float:
    """Return about how long all eigenvalues of a tridiagonal or singular values of a bidiagonal matrix take."""
    return 5e-8 * float(count) ** 2
