"""From findings to the document that every renderer shows: verdict, key numbers, sections, references."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

from vgtheory._references import REFERENCES
from vgtheory.reporting.document import Document, code
from vgtheory.reporting.findings import Findings
from vgtheory.reporting.story_numbers import simulation_section, spectrum_section
from vgtheory.reporting.story_theory import (
    activation_section,
    bounds_section,
    critical_section,
    float32_depth,
    mean_field_section,
)
from vgtheory.reporting.symbolic_words import KNOWN, extremum_value
from vgtheory.reporting.unavailable import Unavailable
from vgtheory.reporting.verdict import verdict
from vgtheory.reporting.wording import describe, number, with_error
from vgtheory.theory.asymptotics.fixed_points import CriticalPoint
from vgtheory.theory.methods import METHODS

_ALWAYS_CITED = ("poole2016", "schoenholz2017", "pennington2017", "hanin2020")
_PACKAGES = ("sympy", "numpy", "numba", "scipy", "xarray", "python-flint", "matplotlib")


def tell(f: Findings) -> Document:
    """Return the report on the findings."""
    said = verdict(f)
    return Document(
        title=f"Will the gradient of {code(f.network.activation.name)} survive {f.growth.layers} layers?",
        subtitle=describe(f.network) + f"; {f.samples} samples, seed {f.seed}",
        verdict=said.text,
        regime=said.regime.value,
        key_numbers=key_numbers(f),
        sections=(
            activation_section(f),
            bounds_section(f),
            mean_field_section(f),
            simulation_section(f),
            spectrum_section(f),
            critical_section(f, f.curve is not None),
        ),
        references=_references(f),
        provenance=json.dumps(provenance(f), indent=2, ensure_ascii=False),
    )


def key_numbers(f: Findings) -> tuple[tuple[str, str, str], ...]:
    """Return (name, value, how it is known) of the numbers that decide."""
    rows: list[tuple[str, str, str]] = []
    if not isinstance(f.steepest, Unavailable):
        rows.append(("largest slope κ = sup |φ'|", extremum_value(f.steepest), KNOWN[f.steepest.status]))
    if f.final_chi is not None:
        where = "" if f.stationary is not None else f" in layer {f.growth.layers} (no fixed point)"
        rows.append(
            (f"gain χ of the squared gradient per layer{where}", number(f.final_chi, 8), "quadrature, width → ∞")
        )
    if f.final_q is not None:
        rows.append(("variance q of the pre-activations, last layer", number(f.final_q, 6), "quadrature, width → ∞"))
    growth = f.growth
    if growth.samples > growth.dead and growth.layers > 1:
        rate = with_error(growth.rate, 2.576 * growth.rate_stderr)
        rows.append(("simulated ln of the gradient norm, change per layer", rate, "Monte Carlo, 99 % interval"))
        if f.predicted_change is not None:
            per_layer = f.predicted_change / (growth.layers - 1)
            rows.append(("the same, predicted", number(per_layer, 5), predicted_how(f)))
        rows.append(
            (
                "depth at which it leaves float32's normal range",
                float32_depth(growth.rate),
                "from the simulated rate",
            )
        )
        rows.append(("spread between networks, std of ln", number(growth.std, 3), "Monte Carlo"))
    if growth.dead:
        rows.append(("dead networks", f"{growth.dead} of {growth.samples}", "Monte Carlo"))
    if isinstance(f.critical, CriticalPoint):
        rows.append(("critical σ_w (χ = 1) at this σ_b", number(f.critical.sigma_w, 8), "quadrature and root finding"))
    return tuple(rows)


def predicted_how(f: Findings) -> str:
    """Return how the prediction is known, with its own warning where it gives one."""
    known = METHODS[f.prediction.attrs["method"]].short
    return known if f.prediction.attrs["reliable"] == "yes" else f"{known}, not reliable here"


def _references(f: Findings) -> tuple[str, ...]:
    keys = set(_ALWAYS_CITED)
    for formula in (f.length, f.gain, *(() if isinstance(f.bounds, Unavailable) else f.bounds)):
        if not isinstance(formula, Unavailable):
            keys |= set(formula.reference)
    works = (REFERENCES[k] for k in keys if k in REFERENCES)
    return tuple(r.key for r in sorted(works, key=lambda r: (r.authors, r.year)))


def provenance(f: Findings) -> dict[str, object]:
    """Return specification, seed, versions and timings, ready for JSON."""
    return {
        "spec": f.network.spec,
        "samples": f.samples,
        "seed": f.seed,
        "versions": {"vgtheory": version("vgtheory"), "python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
        "seconds": {name: round(value, 3) for name, value in f.seconds.items()},
    }
