"""`LayerArrays`: the weights and biases of a network that is given, known by the digest of their content."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory._atomic import write_arrays
from vgtheory._errors import InputError
from vgtheory._untrusted import read_archive

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LayerArrays:
    """Matrices W_l (N_l × N_{l−1}) and biases b_l (N_l) in float64, which nobody can write to; equal by content."""

    weights: tuple[Array, ...] = field(compare=False, repr=False)
    biases: tuple[Array, ...] = field(compare=False, repr=False)
    digest: str

    @classmethod
    def of(cls, weights: Sequence[Any], biases: Sequence[Any] | None = None) -> LayerArrays:
        """Return the arrays, copied; no biases are zeros.  Raises InputError for what does not fit together."""
        matrices = tuple(_frozen(w, f"W_{k}", 2) for k, w in enumerate(weights, 1))
        if not matrices:
            raise InputError("no weights", "one matrix per layer", "e.g. Weights.given([W_1, W_2])")
        if biases is None:
            biases = [np.zeros(len(w)) for w in matrices]
        vectors = tuple(_frozen(b, f"b_{k}", 1) for k, b in enumerate(biases, 1))
        if [len(b) for b in vectors] != [len(w) for w in matrices]:
            raise InputError(
                f"biases of lengths {[len(b) for b in vectors]} beside matrices "
                f"of shapes {[w.shape for w in matrices]}",
                "one bias per layer, as long as W_l has rows",
                "W_l has shape (N_l, N_{l-1})",
            )
        for k, (below, above) in enumerate(pairwise(matrices), 1):
            if above.shape[1] != below.shape[0]:
                raise InputError(
                    f"W_{k + 1} of shape {above.shape} after W_{k} of shape {below.shape}",
                    f"{below.shape[0]} columns",
                    "W_l has shape (N_l, N_{l-1}), as torch.nn.Linear.weight",
                )
        digest = hashlib.sha256()
        for array in (*matrices, *vectors):
            digest.update(repr(array.shape).encode() + array.astype("<f8").tobytes())
        return cls(matrices, vectors, digest.hexdigest()[:32])

    @property
    def widths(self) -> tuple[int, ...]:
        """Return (N_0, ..., N_L)."""
        return (self.weights[0].shape[1], *(len(w) for w in self.weights))

    def fit(self, width: Any, depth: Any) -> bool:
        """Return whether these are the widths, several or one for all, and the depth."""
        return bool(depth == len(self.weights) and (width == self.widths or set(self.widths) == {width}))

    @cached_property
    def layer_scales(self) -> tuple[tuple[float, float], ...]:
        """Return (√(N_{l−1} mean (W_l)_ij²), √(mean b_i²)) of the layers: what σ_w and σ_b would be."""
        spread = [math.sqrt(w.shape[1]) * _root_mean_square(w) for w in self.weights]
        return tuple(zip(spread, (_root_mean_square(b) for b in self.biases), strict=True))

    @property
    def scales(self) -> tuple[float, float]:
        """Return the root mean square of both over the layers."""
        sigma_w, sigma_b = (_root_mean_square(np.array(column)) for column in zip(*self.layer_scales, strict=True))
        return sigma_w, sigma_b

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the arrays into the folder, under their digest, and return the file's path."""
        path = _file(folder, self.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        named = {f"W_{k}": w for k, w in enumerate(self.weights, 1)} | {
            f"b_{k}": b for k, b in enumerate(self.biases, 1)
        }
        write_arrays(path, named)
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike[str] | None, digest: str) -> LayerArrays:
        """Return the arrays of this digest from the folder.  Raises InputError if it does not hold them."""
        if folder is None:
            raise InputError(
                f"given weights {digest} without their arrays", "the folder that holds them", "give arrays=FOLDER"
            )
        path = _file(folder, digest)
        stored = read_archive(path)
        depth = len(stored) // 2
        if set(stored) != {f"{letter}_{k}" for letter in "Wb" for k in range(1, depth + 1)}:
            names = ", ".join(sorted(stored)[:4]) or "nothing"
            raise InputError(f"{path} with {names}", "a file that LayerArrays.save wrote", "save the arrays there")
        found = cls.of(*([stored[f"{letter}_{k}"] for k in range(1, depth + 1)] for letter in "Wb"))
        if found.digest != digest:
            raise InputError(f"{path}: its content is {found.digest}", "the arrays of that digest", "save them again")
        return found


def _file(folder: str | os.PathLike[str], digest: str) -> Path:
    return Path(folder).expanduser() / f"weights-{digest}.npz"


def _root_mean_square(array: Array) -> float:
    largest = float(np.max(np.abs(array)))
    return largest * math.sqrt(np.mean((array / largest) ** 2)) if largest else 0.0


def _frozen(value: Any, name: str, dimensions: int) -> Array:
    try:
        array = np.array(value, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != dimensions or not array.size or not np.isfinite(array).all():
        raise InputError(
            f"{name} of shape {np.shape(array)}",
            f"{'a matrix' if dimensions == 2 else 'a vector'} of finite numbers",
            "W_l has shape (N_l, N_{l-1}), b_l has N_l numbers",
        )
    array.flags.writeable = False
    return array
