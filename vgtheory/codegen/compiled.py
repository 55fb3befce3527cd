"""Stage 3: a compiled activation, from a content-addressed module in the user's cache."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from vgtheory._atomic import write_atomically
from vgtheory._errors import InputError
from vgtheory.codegen.precision import Row, doubles, single_suffices
from vgtheory.codegen.source import FLAGS, GENERATOR_VERSION, RowKind, row_source
from vgtheory.codegen.stabilise import stabilise
from vgtheory.kernels import _intrinsics, _jit, interpreter
from vgtheory.kernels import arguments as kernel_arguments
from vgtheory.kernels._cache import private_directory
from vgtheory.kernels._jit import sources_digest
from vgtheory.kernels.elementary_single_trigonometric import NEAR
from vgtheory.kernels.layer_sums import too_large
from vgtheory.symbolic.activation import Activation
from vgtheory.symbolic.catalogue import activation
from vgtheory.symbolic.kept import kept

STREAMED = 1 << 23  # bytes of a result from which on it goes past the cache: it would not stay there
CHUNK = 1 << 14  # float32 values that go through doubles at a time

IMPORTED = (_jit, _intrinsics, interpreter)  # by generated modules, which hold no copy of them
_LOADING = Lock()


@dataclass(frozen=True)
class CompiledActivation:
    """φ and φ' as machine code: ``f(h)``, ``f.gradient(h)``, ``f.both(h)`` on arrays of any shape.

    float32 and float64 are kept, other real numbers become float64; a number gives a number.  float32 is computed in
    float32 where that is found right, else in float64.  NaN gives NaN; nothing overflows where the true value is
    finite.  At a kink the slope is the one from the left.

    Parameters
    ----------
    origin : the activation.
    source : text of the generated module (float64).
    notes : where the accuracy of a few ulp is not guaranteed.

    Examples
    --------
    >>> compile_activation("softplus").both([0.0, 1000.0])
    (array([6.93147181e-01, 1.00000000e+03]), array([0.5, 1. ]))
    """

    origin: Activation
    source: str
    notes: tuple[str, ...]

    def __call__(self, h: ArrayLike) -> Any:
        """Return φ(h)."""
        return self.both(h)[0]

    def gradient(self, h: ArrayLike) -> Any:
        """Return φ'(h)."""
        return self.both(h)[1]

    def both(self, h: ArrayLike, out: tuple[NDArray, NDArray] | None = None) -> tuple[Any, Any]:
        """Return (φ(h), φ'(h)), computed together, in the two arrays `out` if they are given.

        Raises InputError for what is not an array of real numbers, and for `out` of another shape or type than the
        result's, or not contiguous.
        """
        given = np.asarray(h)
        if given.dtype.kind not in "fiub":
            raise InputError(f"an array of dtype {given.dtype}", "real numbers", "convert it to float64")
        single = given.dtype == np.float32
        # Writable as well: the row pass has one signature, and read-only arrays are another type to Numba.
        flat = np.require(given.ravel(), dtype=np.float32 if single else np.float64, requirements=["C", "A", "W"])
        if out is None:
            value, slope = np.empty_like(flat), np.empty_like(flat)
        else:
            value, slope = (_flat(array, given.shape, flat.dtype) for array in out)
        self._fill(flat, value, slope)
        return out or (value.reshape(given.shape)[()], slope.reshape(given.shape)[()])

    @property
    def row(self) -> Row:
        """Return the row pass ``row(h, value, slope)`` over contiguous float64 arrays of equal length.

        It is a Numba first-class function of type :data:`vgtheory.kernels._jit.ROW_PASS`.  A kernel that declares it
        so, ``@compiled(types.void(ROW_PASS, types.float64[::1]))``, is compiled and cached once for all activations.
        """
        return _row(self.source)

    @cached_property
    def for_kernels(self) -> kernel_arguments.Activation:
        """Return the row pass, and whether φ is linear, to working precision, near 0 and far out."""
        near, far = self._is_linear(1e-110, 1e-120, 1e-12, 0.0), self._is_linear(1e120, 1e110, 1e-12, 0.0)
        return kernel_arguments.Activation(self.row, near, far)

    @cached_property
    def for_single_kernels(self) -> kernel_arguments.SingleActivation:
        """Return the same for kernels in single precision, whose row pass takes nothing where float32 is not right."""
        single = _row(_source(self.origin, RowKind("float32"))) if _single_suffices(self.origin) else too_large
        near, far = self._is_linear(1e-14, 1e-24, 1e-9, 1e-9), self._is_linear(1e24, 1e14, 1e-9, 1e-9)
        return kernel_arguments.SingleActivation(self.row, single, near, far)

    def _is_linear(self, large: float, small: float, drift: float, slopes: float) -> bool:
        """Return whether φ is linear between these sizes on both sides of 0, up to these relative errors."""
        value, slope = self.both(np.array([large, -large, small, -small]))
        size = np.max(np.abs(value[:2]))
        if not np.isfinite(size):
            return False
        drifted = np.max(np.abs(value[:2] - 1e10 * value[2:]))
        return bool(drifted <= drift * size and np.all(np.abs(slope[:2] - slope[2:]) <= slopes * np.abs(slope[2:])))

    @cached_property
    def is_flat_at_zero(self) -> bool:
        """Return whether small signals shrink faster than linearly, as with x³: underflow then looks like death."""
        h = np.array([0.0, 1e-40, -1e-40])
        value = self(h)
        shrunk = (value[1:] != 0.0) & (np.abs(value[1:]) < np.abs(h[1:]))  # a jump at 0 is not flat
        return not self.for_kernels.linear_at_zero and value[0] == 0.0 and bool(np.any(shrunk))

    def _fill(self, h: NDArray, value: NDArray, slope: NDArray) -> None:
        if h.dtype == np.float64:
            _run(self, "float64", h, value, slope)
        elif _single_suffices(self.origin):
            if _run(self, "float32", h, value, slope):
                _in_double(self.row, h, value, slope, min(float(NEAR), stabilise(self.origin).reach))
        else:
            _in_double(self.row, h, value, slope)

    def __reduce__(self) -> tuple:
        return compile_activation, (self.origin,)


def _flat(array: NDArray, shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """Return a view of an array that receives a result."""
    if not isinstance(array, np.ndarray) or (array.shape, array.dtype) != (shape, dtype) or not array.flags.carray:
        raise InputError(
            "out",
            f"two contiguous arrays of shape {shape} and type {dtype}",
            "e.g. (np.empty_like(h), np.empty_like(h))",
        )
    return array.reshape(-1)


def _run(f: CompiledActivation, dtype: str, h: NDArray, value: NDArray, slope: NDArray) -> bool:
    """Fill the results, large ones past the cache; return whether arguments are too large."""
    usual = _row(_source(f.origin, RowKind(dtype)))
    apart = (slope.ctypes.data - value.ctypes.data) % _intrinsics.LINE  # only one could begin at a cache line
    if value.nbytes < STREAMED or apart:
        return bool(usual(h, value, slope))
    start = -value.ctypes.data % _intrinsics.LINE // value.itemsize
    stop = start + (h.size - start) // _intrinsics.BLOCK * _intrinsics.BLOCK
    streamed = _row(_source(f.origin, RowKind(dtype, streamed=True)))
    far = [streamed(h[start:stop], value[start:stop], slope[start:stop])]
    far += [usual(h[part], value[part], slope[part]) for part in (slice(start), slice(stop, None))]
    return any(far)


def _in_double(row: Row, h: NDArray, value: NDArray, slope: NDArray, above: float = -1.0) -> None:
    """Fill the results of float32 arrays by double arithmetic, in the chunks that hold numbers above a size or NaN."""
    for start in range(0, h.size, CHUNK):
        part = slice(start, start + CHUNK)
        if not np.all(abs(h[part]) <= above):
            value[part], slope[part] = doubles(row, h[part])


def compile_activation(source: Activation | sp.Expr | str, **parameters: Any) -> CompiledActivation:
    """Return machine code for an activation: a catalogue name, a formula string, a SymPy expression or an Activation.

    With ``VGTHEORY_LIBM=1`` in the environment exp, tanh and so on are the system library's: slow, a reference.
    Compiling takes 0.1 to 0.3 s the first time on a machine and a few milliseconds from the cache afterwards.
    Raises InputError for symbolic parameters, UnsupportedError for functions that have no code.

    >>> float(compile_activation("leaky_relu", alpha=0.2).gradient(-3.0))
    0.2
    """
    return _compile(activation(source, **parameters))


@lru_cache(maxsize=256)
def _compile(act: Activation) -> CompiledActivation:
    form = stabilise(act)
    result = CompiledActivation(act, _source(act, RowKind()), form.notes)
    _row(result.source)
    return result


@lru_cache(maxsize=256)
def _single_suffices(act: Activation) -> bool:
    """Return whether float32 arrays are computed in float32: where fused operations are fast and it is found right."""
    if _library() or not _fuses():
        return False
    f = _compile(act)
    return single_suffices(_row(_source(act, RowKind("float32"))), f.row, bool(f.notes))


def _source(act: Activation, kind: RowKind) -> str:
    return _row_text(act, replace(kind, library=_library()))


@kept
def _row_text(act: Activation, kind: RowKind) -> str:
    return row_source(stabilise(act), kind)


def _library() -> bool:
    return os.environ.get("VGTHEORY_LIBM") == "1"


@cache
def _fuses() -> bool:
    """Return whether the processor has an instruction for a·b + c: all have but x86 ones before 2013."""
    features = llvmlite.binding.get_host_cpu_features()
    return features.get("fma", "x86" not in llvmlite.binding.get_default_triple())


@lru_cache(maxsize=512)
def _row(source: str) -> Row:
    return load(source).row


# ------------------------------------------------------------------ the cache of generated modules


@cache
def machine() -> str:
    """Return everything but the sources that the machine code, and numbers that it gives, depend on."""
    cpu = llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()
    versions = sys.version_info[:3], numba.__version__, llvmlite.__version__, np.__version__
    imported = [sources_digest(Path(str(module.__file__))) for module in IMPORTED]
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"], os.environ.get("OPENBLAS_CORETYPE")
    settings = _library(), numba.config.DISABLE_JIT, numba.config.CPU_NAME, numba.config.CPU_FEATURES, blas
    return repr((GENERATOR_VERSION, FLAGS, imported, versions, cpu, settings))


@cache
def _temporary() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="vgtheory-")


def generated_path(source: str) -> Path:
    """Return where the module of this text lies: in the user's cache, or for this process alone where there is none."""
    key = hashlib.sha256(f"{machine()}\0{source}".encode()).hexdigest()[:32]
    place = private_directory("generated", key[:2])
    return (place or Path(_temporary().name)) / f"vgtheory_row_{key}.py"


def load(source: str) -> ModuleType:
    """Return the module of this text; it is written to a file for Numba, whose cache asks for one.

    The text is run, not the file: what is in the file, or in compiled form beside it, is never read.
    """
    with _LOADING:  # a module that is still being executed is nobody else's
        path = generated_path(source)
        text = source.encode()
        if not path.exists() or path.read_bytes() != text:
            write_atomically(path, lambda aside: aside.write_bytes(text))
        name = path.stem
        if name in sys.modules:
            return sys.modules[name]
        module = ModuleType(name)
        module.__file__ = str(path)
        sys.modules[name] = module
        try:
            exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102 - our own text
        except BaseException:
            del sys.modules[name]
            raise
        return module
