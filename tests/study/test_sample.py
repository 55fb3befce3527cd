"""`sample`: one verb for the Jacobians of sampled networks; its bits, its refusals, and that it can stop and go on."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import vgtheory as vg
from vgtheory._errors import InputError, UnsupportedError

QUANTITIES = ("singular values", "eigenvalues", "exponents", "growth")


def network(depth=12, width=10):
    return vg.Network("tanh", vg.Weights.gaussian(1.5, 0.1), width, depth)


@pytest.mark.parametrize("of", QUANTITIES)
def test_bits_depend_on_seed_and_index_only(of, tmp_path):
    whole = vg.sample(network(), of=of, samples=5, seed=3)
    calls = []
    with ThreadPoolExecutor(3) as pool:
        other = vg.sample(network(), of=of, samples=5, seed=3, executor=pool, progress=lambda *a: calls.append(a))
    assert other.identical(whole)
    assert calls[-1] == (5, 5)
    few = vg.sample(network(), of=of, samples=2, seed=3, checkpoint=tmp_path / "kept")
    again = vg.sample(network(), of=of, samples=5, seed=3, checkpoint=tmp_path / "kept")
    name = next(iter(whole))
    assert again[name].equals(whole[name])
    assert few[name].equals(whole[name].isel(sample=slice(2)))
    assert whole.attrs["seed"] == 3
    assert whole.attrs["spec"] == network().spec_json


def test_another_study_in_the_same_folder_is_refused(tmp_path):
    vg.sample(network(), samples=2, checkpoint=tmp_path / "kept")
    with pytest.raises(vg.VgtheoryError):
        vg.sample(network(), of="eigenvalues", samples=2, checkpoint=tmp_path / "kept")


def test_quantities_of_one_network_belong_together():
    """Σ ln s = Σ ln|λ| = Σ growth of all directions: ln |det J| of the same network."""
    logs = [vg.sample(network(), of=of, seed=5, **more) for of, more in zip(QUANTITIES[:3], ({}, {}, {}), strict=True)]
    total = logs[0].log_singular_value.sum().item()
    assert logs[1].log_modulus.sum().item() == pytest.approx(total, rel=1e-9)
    dense = vg.sample(network(), of="exponents", seed=5, method="dense")
    assert dense.log_growth.sum().item() == pytest.approx(total, rel=1e-9)
    assert logs[0].q.equals(logs[1].q)


@pytest.mark.parametrize("junk", [None, 3, "tanh", [1], {}, np.array([1, 2])])
def test_refusals(junk):
    for of in QUANTITIES:
        with pytest.raises(vg.VgtheoryError):
            vg.sample(junk, of=of)
    for name in ("of", "method", "samples", "seed", "directions", "tolerance", "qr_every"):
        if isinstance(junk, int) or (junk is None and name in ("directions", "qr_every")):
            continue
        with pytest.raises(vg.VgtheoryError):
            vg.sample(network(), **{"of": "exponents", name: junk})


def test_a_method_or_directions_that_do_not_belong():
    with pytest.raises(vg.VgtheoryError, match="method"):
        vg.sample(network(), method="triangular")
    with pytest.raises(vg.VgtheoryError, match="directions"):
        vg.sample(network(), directions=2)


@pytest.mark.parametrize(
    ("of", "options", "message"),
    [
        ("singular values", {"tolerance": 1e-6}, "tolerance must be left out for singular values"),
        ("eigenvalues", {"directions": 2}, "directions must be left out for eigenvalues"),
        ("growth", {"qr_every": 3}, "qr_every must be left out for growth"),
        ("exponents", {"inputs": vg.Inputs(kind="same")}, "inputs must be left out for exponents"),
        ("growth", {"tolerance": "x"}, "tolerance must be left out for growth"),
    ],
)
def test_what_a_quantity_does_not_take_is_refused(of, options, message):
    with pytest.raises(InputError, match=message):
        vg.sample(vg.Network("tanh", vg.Weights.gaussian(1.5), 8, 3), of=of, **options)


def test_growth_of_drawn_blocks_is_not_called_exact():
    drawn = vg.Network(vg.blocks.lstm(vg.Weights.uniform(1)), 8, 3)
    with pytest.raises(UnsupportedError):
        vg.sample(drawn, of="growth", method="exact")
