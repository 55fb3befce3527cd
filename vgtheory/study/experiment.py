"""An experiment: what is drawn of one network, by which kernel; every study of random networks is run from one."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vgtheory._errors import InputError, need_call, shown
from vgtheory.model.network import Network
from vgtheory.model.sizes import MAX_SAMPLES, MAX_SEED, whole_number
from vgtheory.model.variables import labels
from vgtheory.study.engine import Arrays, Progress, Study, Worker, chunk_size, run
from vgtheory.study.limits import check_memory, check_work, need_executor
from vgtheory.study.stopping import run_until

# What the kernels draw from a counter; part of a checkpoint's identity, since numbers change with it.
GENERATOR = "philox4x32-10, Box-Muller, 7"
LAYER = {"long_name": "layer l, 1 next to the input"}
SAMPLE = {"long_name": "index of the random network"}


class Described(Protocol):
    """What an experiment draws from: it says which network it is."""

    @property
    def network(self) -> Network:
        """Return the network."""


@dataclass(frozen=True)
class Experiment:
    """What is drawn of one network.

    Parameters
    ----------
    worker : a function at a module's top level: worker(payload, first, count) returns the arrays of those samples.
    prepared : the network; ``payload["prepared"]`` of the worker, beside ``payload["seed"]``.
    fields : names of the arrays, each (sample, row).
    rows : rows of a sample: its layers, or blocks of them.
    numbers : numbers per sample and row of the result.
    nanoseconds : about what one sample costs on one core.
    options : what else the numbers depend on, ready for JSON; goes to the worker too.
    payload : what else the worker needs, and the numbers do not depend on.
    watched : the fields of logarithms whose means at row 1 a half width is asked for.
    """

    worker: Worker
    prepared: Described
    fields: tuple[str, ...]
    rows: int
    numbers: int
    nanoseconds: float
    options: Mapping[str, Any]
    payload: Mapping[str, Any] = field(default_factory=dict)
    watched: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conditions:
    """How an experiment is run: what every verb that draws networks is told besides the network.

    Parameters
    ----------
    samples, seed : numbers, checked by :meth:`of`.
    executor, checkpoint, progress : as ``engine.run`` takes them.
    half_width : of the 95 % interval of the watched means at which the study ends; None for all samples.
    elsewhere : whether it runs on cores that are not known.
    first : the sample to begin with, where those before it are known.
    """

    samples: int
    seed: int
    executor: Executor | None = None
    checkpoint: str | os.PathLike[str] | None = None
    progress: Progress | None = None
    half_width: float | None = None
    elsewhere: bool = False
    first: int = 0

    @classmethod
    def of(cls, samples: Any, seed: Any, executor: Executor | None = None, **further: Any) -> Conditions:
        """Return the conditions, checked; raise InputError for what cannot be run."""
        samples = whole_number("samples", samples, 1, MAX_SAMPLES, "64")
        seed = whole_number("seed", seed, 0, MAX_SEED, "0")
        need_executor(executor)
        need_call("progress", further.get("progress"))
        where = further.get("checkpoint")
        if where is not None and not (isinstance(where, (str, os.PathLike)) and os.fspath(where)):
            raise InputError("checkpoint", "the path of a folder", "e.g. checkpoint='run'", got=shown(where))
        return cls(samples, seed, executor, elsewhere=executor is not None, **further)

    def part(self, index: int, parts: int, pool: Executor, name: str) -> Conditions:
        """Return the conditions of one of several equally long studies, which share a pool.

        Its checkpoint's folder is named by what it is and not by its place, so that there may be more of them later.
        """
        folder = f"part-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        where = None if self.checkpoint is None else Path(self.checkpoint).expanduser() / folder
        progress = self.progress
        if progress is not None:
            told, before, total = progress, index * self.samples, parts * self.samples
            progress = lambda done, _: told(before + done, total)  # noqa: E731
        return replace(self, executor=pool, checkpoint=where, progress=progress)


def conduct(experiment: Experiment, conditions: Conditions) -> Arrays:
    """Return the arrays of the experiment's samples, after checking that memory and time suffice for them.

    Raises InputError for results or work beyond what is accepted, and what ``engine.run`` raises.
    """
    samples, seed = conditions.samples, conditions.seed
    check_memory(samples, experiment.rows, experiment.numbers)
    check_work(samples, 1e-9 * experiment.nanoseconds, conditions.elsewhere)
    chunk = chunk_size(experiment.nanoseconds)
    identity = {
        "network": experiment.prepared.network.spec,
        **experiment.options,
        "seed": seed,
        "generator": GENERATOR,
        "chunk": chunk,
    }
    study = Study(
        worker=experiment.worker,
        payload={"prepared": experiment.prepared, "seed": seed, **experiment.options, **experiment.payload},
        fields=experiment.fields,
        samples=samples,
        depth=experiment.rows,
        chunk=chunk,
        identity=json.dumps(identity, sort_keys=True),
        start=conditions.first,
    )
    how = conditions.executor, conditions.checkpoint, conditions.progress
    if conditions.half_width is None:
        return run(study, *how)
    return run_until(study, experiment.watched, conditions.half_width, *how)


def dataset(
    values: Mapping[str, tuple[tuple[str, ...], NDArray[np.float64]]], texts: Mapping[str, str], attributes: Any
) -> xr.Dataset:
    """Return a Dataset over (sample, layer, further dimensions of each variable), labelled."""
    samples, depth = next(iter(values.values()))[1].shape[:2]
    return xr.Dataset(
        {
            name: (("sample", "layer", *further), array, labels(texts[name]))
            for name, (further, array) in values.items()
        },
        {"sample": ("sample", np.arange(samples), SAMPLE), "layer": ("layer", np.arange(1, depth + 1), LAYER)},
        attributes,
    )


def provenance(prepared: Described, seed: int) -> dict[str, Any]:
    """Return the attributes that say where a result comes from."""
    return {"seed": seed, "versions": _versions(), "spec": prepared.network.spec_json, "generator": GENERATOR}


@cache
def _versions() -> str:
    """Return the versions of what computes as JSON; reading them takes 8 ms."""
    packages = ("vgtheory", "numpy", "numba", "sympy")
    return json.dumps(
        {"python": platform.python_version(), **{name: version(name) for name in packages}}, sort_keys=True
    )
