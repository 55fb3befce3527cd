"""The `vgtheory` command: its subcommands, and the one place where errors become one line and an exit code.

The heavy half of the package (numba, xarray, matplotlib) is imported by a command when it runs, so that `--help` and
refusals of bad input answer at once; this is the one module family where imports inside functions are the point.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vgtheory._errors import InputError, VgtheoryError
from vgtheory.cli import options as opt

# typer carries its own copy of click since 0.26 and used the installed one before; this is the class in both.
_UsageError: Any = typer.BadParameter.__mro__[1]

INTERRUPTED = 130  # what a shell reports after Ctrl-C; typer's own return value for it too

app = typer.Typer(
    name="vgtheory",
    help="Will the gradient of this deep network vanish or explode, why, and what has to change?",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def report(
    activation: opt.ActivationName,
    param: opt.Params = None,
    sigma_w: opt.SigmaW = None,
    sigma_b: opt.SigmaB = None,
    weights: opt.WeightLaw = None,
    init: opt.Init = None,
    width: opt.Width = opt.WIDTH,
    depth: opt.Depth = opt.DEPTH,
    samples: opt.Samples = opt.SAMPLES,
    seed: opt.Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder to write; made if need be.")] = Path("vgtheory-report"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a folder that holds another report.")] = False,
) -> None:
    """Derive, bound, predict, simulate and explain a network; writes report.html, report.tex, study.nc and figures."""
    network = opt.network(activation, param, sigma_w, sigma_b, weights, init, width, depth)
    opt.check_run(samples, seed)
    opt.announce(network, samples, seed)
    from vgtheory.cli.screen import print_findings, progress_bar
    from vgtheory.reporting.report import report as write_report

    with progress_bar("report") as progress:
        findings = write_report(network, out, samples=samples, seed=seed, force=force, progress=progress)
    print_findings(findings, out)


@app.command()
def derive(
    activation: opt.ActivationName,
    param: opt.Params = None,
    eps: Annotated[
        float, typer.Option(**opt.REAL, help="Threshold of |φ'| below which a neuron counts as saturated.")
    ] = 0.01,
    latex: Annotated[Path | None, typer.Option(help="Also write the derivation as a LaTeX document.")] = None,
) -> None:
    """Derive φ', φ'', their ranges, where φ' saturates, and the Gaussian means E φ², E φ'²."""
    act = opt.activation(activation, param)
    from vgtheory.cli.screen import print_derivation
    from vgtheory.reporting.derivation import derivation, write_derivation

    found = derivation(act, eps)
    if latex is not None:
        write_derivation(found, latex)
    print_derivation(found, latex)


@app.command()
def simulate(
    activation: opt.ActivationName,
    param: opt.Params = None,
    sigma_w: opt.SigmaW = None,
    sigma_b: opt.SigmaB = None,
    weights: opt.WeightLaw = None,
    init: opt.Init = None,
    width: opt.Width = opt.WIDTH,
    depth: opt.Depth = opt.DEPTH,
    samples: opt.Samples = opt.SAMPLES,
    seed: opt.Seed = 0,
    out: Annotated[Path, typer.Option(help="NetCDF file to write.")] = Path("study.nc"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the study of another network.")] = False,
) -> None:
    """Run random networks and write ln‖∂ℓ/∂h_l‖ of every sample and layer as NetCDF."""
    network = opt.network(activation, param, sigma_w, sigma_b, weights, init, width, depth)
    opt.check_run(samples, seed)
    opt.announce(network, samples, seed)
    from vgtheory.cli.screen import print_study, progress_bar
    from vgtheory.reporting.study_file import check_study, write_study
    from vgtheory.study.simulate import simulate as run

    check_study(out, network.spec_json, samples, seed, force)
    with progress_bar("simulate") as progress:
        study = run(network, samples=samples, seed=seed, progress=progress)
    write_study(study, out)
    print_study(study, out)


@app.command()
def spectrum(
    activation: opt.ActivationName,
    param: opt.Params = None,
    sigma_w: opt.SigmaW = None,
    sigma_b: opt.SigmaB = None,
    weights: opt.WeightLaw = None,
    init: opt.Init = None,
    width: opt.Width = opt.WIDTH,
    depth: opt.Depth = opt.DEPTH,
    q: Annotated[str, typer.Option(help="profile (q_l from ‖x_0‖² = N_0), stationary, or a number.")] = "profile",
    out: Annotated[Path | None, typer.Option(help="Figure to write, .svg or .pdf.")] = None,
) -> None:
    """Compute the law of ln s for the singular values s of the Jacobian J at this depth (width → ∞)."""
    network = opt.network(activation, param, sigma_w, sigma_b, weights, init, width, depth)
    at = opt.variance(q)
    if out is not None and out.suffix not in (".svg", ".pdf"):
        raise InputError(f"--out {out}", "a name ending in .svg or .pdf", "e.g. --out spectrum.svg")
    opt.announce(network)
    from vgtheory.cli.screen import print_spectrum
    from vgtheory.reporting import plot
    from vgtheory.reporting.files import write_figure
    from vgtheory.spectra.jacobian import spectrum as law_of

    law = law_of(network, q=at)
    if out is not None:
        write_figure(plot.figure_of(plot.spectrum(law)), out)
    print_spectrum(law, out)


@app.command("list")
def list_activations() -> None:
    """List the catalogue of activations with their formulas, parameters and references."""
    from vgtheory.cli.screen import print_catalogue

    print_catalogue()


def main() -> None:
    """Run the command line and exit: 0, or 2 with one line on stderr, or 130 after Ctrl-C."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Return the exit code of these arguments; an error is printed as one line, never as a traceback."""
    try:
        code = app(args=arguments or ["--help"], prog_name="vgtheory", standalone_mode=False)
        sys.stdout.flush()
        return _interrupted() if code == INTERRUPTED else code if isinstance(code, int) else 0
    except VgtheoryError as error:
        return _refuse(str(error))
    except _UsageError as error:
        return _refuse(error.format_message() or "nothing to do; see vgtheory --help")
    except typer.Exit as stop:
        return int(stop.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted()
    except BrokenPipeError:
        # The reader (head, less) went away: what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{where}{error.strerror or error}; choose another place with --out")


def _interrupted() -> int:
    print("vgtheory: interrupted; nothing half-written is left behind", file=sys.stderr)
    return INTERRUPTED


def _refuse(message: str) -> int:
    print("vgtheory: " + " ".join(message.split()), file=sys.stderr)
    return 2
