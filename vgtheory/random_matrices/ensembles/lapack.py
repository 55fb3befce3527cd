"""Two LAPACK routines that SciPy carries without a Python name: dqds for bidiagonal, QR for Hessenberg matrices."""

import ctypes
from typing import Any

import numpy as np
from scipy.linalg import cython_lapack

from vgtheory._errors import NoSolutionError


def _routine(name: str, arguments: int) -> Any:
    capsule = cython_lapack.__pyx_capi__[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    prototype = ctypes.CFUNCTYPE(None, *([ctypes.c_void_p] * arguments))  # which releases the interpreter lock
    return prototype(get_pointer(capsule, get_name(capsule)))


_DLASQ1 = _routine("dlasq1", 5)
_DHSEQR, _ZHSEQR = _routine("dhseqr", 14), _routine("zhseqr", 13)


def _at(value: Any) -> Any:
    return ctypes.addressof(value) if isinstance(value, ctypes._SimpleCData) else value.ctypes.data


def bidiagonal_singular_values(diagonal: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Return the ascending singular values of an upper bidiagonal matrix, each to full relative precision, in O(N²).

    The differential qd algorithm (Fernando & Parlett 1994), LAPACK's DLASQ1.
    """
    n = len(diagonal)
    values = np.array(diagonal, dtype=float)
    edge = np.zeros(n)
    edge[: n - 1] = beside
    size, info, work = ctypes.c_int(n), ctypes.c_int(0), np.zeros(4 * n)
    _DLASQ1(*map(_at, (size, values, edge, work, info)))
    if info.value:
        raise NoSolutionError(f"LAPACK's DLASQ1 did not converge (info = {info.value}); scale the matrix and try again")
    return values[::-1].copy()


def hessenberg_eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of a real or complex upper Hessenberg matrix: QR steps only, no reduction before them."""
    n, real = len(matrix), not np.iscomplexobj(matrix)
    work_matrix = np.array(matrix, dtype=float if real else complex, order="F")
    job, vectors = np.frombuffer(b"E", dtype=np.uint8), np.frombuffer(b"N", dtype=np.uint8)
    size, first, one, info = ctypes.c_int(n), ctypes.c_int(1), ctypes.c_int(1), ctypes.c_int(0)
    room = max(1, 11 * n)
    length, work = ctypes.c_int(room), np.zeros(room, dtype=work_matrix.dtype)
    unused = np.zeros(1, dtype=work_matrix.dtype)
    head = (job, vectors, size, first, size, work_matrix, size)
    tail = (unused, one, work, length, info)
    if real:
        re, im = np.zeros(n), np.zeros(n)
        _DHSEQR(*map(_at, (*head, re, im, *tail)))
        values = re + 1j * im
    else:
        values = np.zeros(n, dtype=complex)
        _ZHSEQR(*map(_at, (*head, values, *tail)))
    if info.value:
        raise NoSolutionError(f"LAPACK's HSEQR did not converge (info = {info.value}); scale the matrix and try again")
    return values
