"""Files of anybody: which are read, and .npz archives; nothing in them runs, nothing is unpacked beyond memory."""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vgtheory._errors import InputError

MAX_BYTES = 16 * 2**30  # of the numbers in one file; more is not a mistake that memory should pay for
INDEX = ".safetensors.index.json"
_PICKLES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"}
_WEIGHTS = {".safetensors", ".npz", ".onnx", ".keras", ".h5"}
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what np.savez and np.savez_compressed write
_SMALL = 2**26  # bytes unpacked up to which no ratio is suspicious
_RATIO = 100  # times the packed size beyond which an archive is a bomb: trained weights shrink by less than 10
_HEADER = 10_000  # bytes of one array's description


def check_weights_file(path: Path) -> Path:
    """Return the path if it is that of a file of weights that can be read here, without opening it.

    Raises InputError for what is no regular file (a pipe would wait for ever), pickles and unknown kinds.
    """
    if not path.is_file():
        raise InputError(
            f"no file {path}", "an existing .safetensors, .npz, .onnx, .keras or .h5 file", "check the path"
        )
    kind = path.suffix.lower()
    if kind in _PICKLES:
        step = "save it with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
        raise InputError(f"{path.name}", "a file that cannot run code (a pickle can)", step)
    if kind not in _WEIGHTS and not path.name.endswith(INDEX):
        raise InputError(
            f"{path.name}", "a .safetensors, .npz, .onnx, .keras or .h5 file", "convert the weights to one of them"
        )
    return path


def memory_at_hand() -> int:
    """Return the bytes that can be used now without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**32
        return total // 2


def check_size(name: str, size: int) -> None:
    """Raise InputError if so many bytes of numbers are more than half of the memory at hand, or than MAX_BYTES."""
    limit = min(MAX_BYTES, memory_at_hand() // 2)
    if size > limit:
        raise InputError(f"{name} of {size:,} bytes", f"up to {limit:,}, half of the memory at hand", "split the file")


def read_archive(path: Path) -> dict[str, NDArray]:
    """Return the arrays of a .npz file by name, in the order of the file.

    Raises
    ------
    InputError : no regular file (a pipe would wait for ever), no intact archive of plain arrays, encrypted or packed
        in another way than NumPy's, more than memory holds or 100 times its packed size.
    """
    if not path.is_file():
        raise InputError(f"no file {path}", "an existing .npz file", "check the path")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            for entry in entries:
                if entry.flag_bits & 1 or entry.compress_type not in _PLAIN or not entry.filename.endswith(".npy"):
                    raise ValueError(f"{entry.filename[:80]!r} is no plain array: encrypted, or packed in another way")
            size = sum(entry.file_size for entry in entries)
            check_size(f"{path.name} unpacked", size)
            packed = path.stat().st_size
            if size > max(_SMALL, _RATIO * packed):
                problem = f"{path.name} of {packed:,} bytes that unpacks to {size:,}"
                raise InputError(problem, f"at most {_RATIO} times its size", "write it with np.savez, uncompressed")
            arrays = {}
            for entry in entries:
                with archive.open(entry) as file:
                    arrays[entry.filename.removesuffix(".npy")] = _array(file, entry.file_size)
    except InputError:
        raise
    except Exception as problem:  # zipfile, zlib and numpy.lib.format raise a dozen classes on damaged files
        said = str(problem).partition("\n")[0][:120]
        raise InputError(f"{path.name} ({said})", "an intact .npz of plain arrays", "write it with np.savez") from None
    return arrays


def _array(file: IO[bytes], size: int) -> NDArray:
    """Return the array of a .npy stream of so many bytes, which its description must agree with before it is made."""
    major, _ = npy.read_magic(file)
    read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
    shape, fortran_order, dtype = read(file, max_header_size=_HEADER)
    count = math.prod(shape)
    if dtype.kind not in "fiub" or min(shape, default=0) < 0 or len(shape) > 32:
        raise ValueError(f"an array of {dtype} and shape {shape}")
    if count * dtype.itemsize != size - file.tell():
        raise ValueError(f"shape {shape} of {dtype} beside {size} bytes")
    array = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return array.reshape(shape, order="F" if fortran_order else "C")
