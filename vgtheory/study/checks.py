"""What every study of random networks checks before and after it runs, and what its result says of itself."""

from __future__ import annotations

import json
import operator
import platform
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgtheory._errors import InputError, UnsupportedError
from vgtheory.model.network import Network
from vgtheory.study.engine import available_bytes
from vgtheory.study.setting import is_flat_at_zero

MAX_SAMPLES = 10**7
MAX_SEED = 2**64 - 1
# What the kernels draw from a counter; part of a checkpoint's identity, since numbers change with it.
GENERATOR = "philox4x32-10, Box-Muller, 4"


def check_request(network: Any, samples: Any, seed: Any) -> tuple[int, int]:
    """Return samples and seed as ints; raise InputError for what cannot be run."""
    if not isinstance(network, Network):
        raise InputError("network", "a Network", "build one, e.g. vg.Network('tanh', ...)", got=f"{network!r}")
    return whole_number("samples", samples, 1, MAX_SAMPLES, "64"), whole_number("seed", seed, 0, MAX_SEED, "0")


def whole_number(name: str, value: Any, least: int, most: int, example: str) -> int:
    """Return the value as an int; raise InputError unless it is a whole number from `least` to `most`."""
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise InputError(
            f"{name}", f"a whole number from {least} to {most:,}", f"e.g. {name}={example}", got=f"{value!r}"
        )
    return number


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


def check_range(network: Network, gradient: NDArray[np.float64], length: NDArray[np.float64]) -> None:
    """Raise UnsupportedError if the signal left float64's range; ln of gradients and lengths are (sample, layer)."""
    bad = np.isnan(gradient) | np.isnan(length)
    if is_flat_at_zero(network.activation) and network.skip is None:
        bad |= np.isneginf(gradient)
    if bad.any():
        layer = int(np.argmax(bad.any(axis=0))) + 1
        raise UnsupportedError(
            f"the signal of {network.activation.name} leaves the range of float64 (seen at layer {layer}): "
            f"this activation is not close to linear there; bring sigma_w nearer to 1 or reduce the depth"
        )


def provenance(network: Network, seed: int) -> dict[str, Any]:
    """Return the attributes that say where a result comes from."""
    return {
        "seed": seed,
        "versions": _versions(),
        "spec": network.spec_json,
        "generator": GENERATOR,
    }


@cache
def _versions() -> str:
    """Return the versions of what computes as JSON; reading them takes 8 ms."""
    packages = ("vgtheory", "numpy", "numba", "sympy")
    return json.dumps(
        {"python": platform.python_version(), **{name: version(name) for name in packages}}, sort_keys=True
    )
