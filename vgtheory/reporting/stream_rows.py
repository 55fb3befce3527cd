"""What is printed of networks of blocks: lengths and gradients of their streams, simulated and predicted."""

from __future__ import annotations

from typing import Any

import numpy as np

from vgtheory.reporting.wording import chosen_layers, number, with_error
from vgtheory.study.intervals import mean_interval, moments
from vgtheory.theory.methods import METHODS

Table = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]
COLUMNS = {"cosine": "cosine of columns", "entropy": "entropy of attention"}


def study_table(study: Any) -> Table:
    """Return header and cells of a simulation of blocks, at five layers.

    Of every stream: the mean of ln‖∂ℓ/∂s_l‖ with its 99 % interval, its spread, the mean square of the components and
    the share of them that carries the gradient.
    """
    names = tuple(map(str, study["stream"].values))
    columns = tuple(name for name in COLUMNS if name in study)
    header = ["layer"]
    for s in names:
        header += [f"mean of ln‖∂ℓ/∂{s}‖, 99 % interval", "spread", f"mean square of {s}", "share that carries"]

    def row(at: int) -> tuple[str, ...]:
        here = study.isel(layer=at)
        cells = [str(int(here.layer))]
        for s in names:
            of = here.sel(stream=s)
            logs = of.log_stream_gradient_norm.values[:, None]
            mean, variance, count = (float(x[0]) for x in moments(logs))
            half = float(mean_interval(logs).half_width[0])
            spread = round(variance**0.5, 12)  # the loss's own gradient has norm 1 up to rounding
            seen = with_error(round(mean, 12), half if spread else 0.0) if count else "no gradient"
            cells += [seen, number(spread, 3)]
            cells += [number(float(of.stream_square.mean()), 4), _share(of.gradient_share.mean())]
        return (*cells, *(number(float(here[name].mean()), 4) for name in columns))

    shown = chosen_layers(study.sizes["layer"])
    return (*header, *(COLUMNS[name] for name in columns)), tuple(row(at) for at in shown)


def prediction_table(predicted: Any) -> Table:
    """Return header and cells of a prediction of blocks, as :func:`study_table` has them of a simulation."""
    names = tuple(map(str, predicted["stream"].values))
    columns = tuple(name for name in COLUMNS if name in predicted)
    shares = "gradient_share" in predicted
    header = ["layer"]
    for s in names:
        header += [f"ln‖∂ℓ/∂{s}‖", f"mean square of {s}", *(["share that carries"] if shares else [])]

    def row(at: int) -> tuple[str, ...]:
        here = predicted.isel(layer=at)
        cells = [str(int(here.layer))]
        for s in names:
            of = here.sel(stream=s)
            cells += [number(round(float(of.log_stream_gradient_norm), 12), 5), number(float(of.stream_square), 4)]
            cells += [_share(of.gradient_share)] if shares else []
        return (*cells, *(number(float(here[name]), 4) for name in columns))

    shown = chosen_layers(predicted.sizes["layer"])
    return (*header, *(COLUMNS[name] for name in columns)), tuple(row(at) for at in shown)


def prediction_sentences(predicted: Any) -> tuple[str, ...]:
    """Return how the numbers are known, and whether they are to be trusted."""
    attrs = predicted.attrs
    said = (f"Known from {METHODS[attrs['method']].sentence}.",)
    doubt = attrs["reliable"]
    return said if doubt == "yes" else (*said, f"Not reliable: {doubt.removeprefix('no: ')}.")


def _share(value: Any) -> str:
    return "" if np.isnan(float(value)) else f"{100 * float(value):.2g} %"
