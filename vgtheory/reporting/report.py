"""`vg.report`: one folder that explains one network, as HTML, LaTeX, data and figures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vgtheory._door import lazy
from vgtheory._errors import need_call
from vgtheory.model.capabilities import require
from vgtheory.model.network import Network
from vgtheory.reporting.translation import translator

if TYPE_CHECKING:
    from vgtheory.reporting.findings import Findings
    from vgtheory.study.engine import Progress

# Simulation and figures are loaded once nothing more is refused.
_load, _ = lazy(__name__, {"write_report": "vgtheory.reporting.written_report:write_report"})


def report(
    network: Network,
    out: str | os.PathLike[str],
    samples: int = 64,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
    pdf: bool = False,
    lang: str = "en",
) -> Findings:
    """Write the report on a network into the folder `out` and return its findings.

    The folder gets report.html (self-contained), report.tex, study.nc (what was simulated), every figure as SVG, and
    last of all spec.json, which names the specification and the digest of every file; with `pdf` also report.pdf, and
    the figures of report.tex.  Each file appears complete or not at all.

    Parameters
    ----------
    network : the network; its sizes and scales must be numbers.
    out : folder, made if need be.
    samples, seed : of the simulation.
    force : overwrite a folder that holds the report of another network.
    progress : called as progress(done, total).
    pdf : whether report.tex has its figures, as PDF, and is compiled by pdflatex.
    lang : language of report.html, e.g. "en" or "zh"; report.tex is English (TeX's base fonts have no Chinese).

    Raises
    ------
    ConflictError : `out` holds the results of another specification and `force` is not set, or another run writes
        there.
    InputError : a value that cannot be used.
    UnsupportedError : a network that cannot be simulated; report.pdf cannot be compiled, when everything else has been
        written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import vgtheory as vg
    >>> network = vg.Network("relu", vg.Weights.he(), width=16, depth=8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = report(network, Path(folder) / "relu", samples=4)
    ...     print((Path(folder) / "relu" / "report.html").is_file())
    True
    """
    require(network, "report")
    need_call("progress", progress)
    translator(lang)  # an unknown language is refused before anything runs
    found: Findings = _load("write_report")(network, out, samples, seed, force, progress, pdf, lang)
    return found
