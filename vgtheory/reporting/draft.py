"""A report that has begun: its folder is claimed, its answer known; figures, templates and proofs come later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vgtheory._errors import InputError, shown
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.reporting.answer import Answer, answer
from vgtheory.reporting.report_folder import ReportFolder, claimed

FIGURES = ("activation", "gradient", "weight_singular", "weight_eigenvalues", "spectrum", "criticality")
FILES = (
    "report.html",
    "report.tex",
    "report.pdf",
    "study.nc",
    *(f"{f}.{end}" for f in FIGURES for end in ("svg", "pdf")),
)


@dataclass(frozen=True)
class Draft:
    """The answer, and the folder that the report goes to."""

    answer: Answer
    place: ReportFolder


@contextmanager
def begun(network: Network, out: str | os.PathLike[str], samples: int, seed: int, force: bool) -> Iterator[Draft]:
    """Hold the folder of a report and give its answer, which takes a second or two; see :func:`.report.report`."""
    require(network, "report")
    if not isinstance(out, (str, os.PathLike)) or not os.fspath(out):
        raise InputError("out", "the path of a folder", "e.g. out='report'", got=shown(out))
    spec = {"network": network.spec, "samples": samples, "seed": seed}
    with claimed(Path(out).expanduser(), spec, FILES, force) as place:
        yield Draft(answer(network, samples, seed), place)
