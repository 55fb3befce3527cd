"""Unfolding: quantiles become equally spaced, and unfolded spectra have the counts of the bulk."""

import numpy as np
import pytest

from vgtheory import ensembles, laws
from vgtheory._errors import InputError, UnsupportedError


@pytest.mark.parametrize("by", [laws.semicircle(), "polynomial", "gaussian"], ids=["law", "polynomial", "gaussian"])
def test_quantiles_become_equally_spaced(by):
    place = (np.arange(200) + 0.5) / 200
    levels = ensembles.unfold(laws.semicircle().ppf(place)[::-1], by=by)
    inner = np.diff(levels)[20:-20]
    assert inner == pytest.approx(np.ones(159), abs=1e-9 if isinstance(by, laws.Law) else 0.03)
    assert levels[100] == pytest.approx(100.5, abs=0.15)


def test_unfolded_spectra_have_the_number_variance_of_the_bulk():
    """Alarm at five standard errors of the mean (6e-7); the curve of β = 2 is told apart."""
    rows = ensembles.unfold(ensembles.goe(200).spectra(60, random_state=3), by=laws.semicircle())[:, 50:-50]
    found = np.array([ensembles.number_variance(row, 2.0) for row in rows])
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean() - ensembles.bulk(1).number_variance(2.0)) < 5 * error
    assert abs(found.mean() - ensembles.bulk(2).number_variance(2.0)) > 5 * error
    assert ensembles.number_variance(rows, 2.0) == pytest.approx(found.mean())


def test_bad_input_is_refused():
    for call in (
        lambda: ensembles.unfold(np.arange(5.0)),
        lambda: ensembles.unfold(np.arange(20.0) * 1j),
        lambda: ensembles.unfold(np.full(20, np.inf)),
        lambda: ensembles.unfold(np.arange(20.0), by="splines"),
        lambda: ensembles.unfold(np.arange(20.0), degree=0),
        lambda: ensembles.unfold(np.zeros((2, 3, 20))),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(UnsupportedError, match="not increasing"):
        ensembles.unfold(np.concatenate([np.arange(30.0), 1000 + np.arange(3.0)]), degree=12)
