"""`vgtheory predict`: what theory says about every layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vgtheory.cli import options as opt
from vgtheory.cli.figures import write_picture
from vgtheory.model.capabilities import require
from vgtheory.model.inputs import Inputs
from vgtheory.model.network import BlockNetwork, Network


@opt.network_options("predict")
def predict(
    network: Network,
    inputs: Inputs | int,
    samples: Annotated[
        int, typer.Option(help="Also simulate this many networks and compare; 0: theory alone.", **opt.WHOLE)
    ] = 0,
    seed: opt.Seed = 0,
    tolerance: Annotated[
        float, typer.Option(help="Tolerance of the comparison, in predicted standard deviations.", **opt.REAL)
    ] = 0.1,
    out: opt.Figure = None,
    csv: Annotated[Path | None, typer.Option(help="Also write every layer as CSV.")] = None,
) -> None:
    """Predict the gradient norm of every layer: typical value, spread between networks, root mean square."""
    opt.check_figure(out)
    if samples:
        opt.check_run(samples, seed)
        require(network, "simulate")
    opt.announce(network, samples or None, seed if samples else None)
    from vgtheory.cli.screen import print_prediction
    from vgtheory.theory.asymptotics import prediction

    if inputs == 1 and not (isinstance(network, BlockNetwork) or samples or out or csv):  # the table is enough
        require(network, "predict")
        print_prediction(prediction.predict_layers(network), "", [])
        return
    predicted, study, said = prediction.predict(network, inputs=inputs), None, ""
    if samples:
        from vgtheory.cli.console import progress_bar
        from vgtheory.reporting.compare import compare
        from vgtheory.study.simulate import simulate

        with progress_bar("simulate") as progress:
            study = simulate(network, samples=samples, seed=seed, inputs=inputs, progress=progress)
        said = compare(predicted, study, tolerance=tolerance).attrs["sentence"]
    write_picture(out, lambda plot: plot.prediction(predicted, study))
    if csv is not None:
        from vgtheory._atomic import write_text
        from vgtheory.reporting.result_files import csv_text

        write_text(csv, csv_text(predicted.to_dataframe()))
    print_prediction(predicted, said, [path for path in (out, csv) if path is not None])
